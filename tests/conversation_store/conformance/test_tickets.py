"""Tickets: kept before they are acknowledged, replied to once."""

from __future__ import annotations

import msgspec
import pytest

from conversation_store.errors import RecordNotFoundError
from conversation_store.interfaces import Store
from conversation_store.records import TicketRecord
from tests.helpers.rows import LATER, NOW

pytestmark = pytest.mark.anyio


def ticket(number: int = 1) -> TicketRecord:
    return TicketRecord(
        ticket_id=f"tick_{number}", agent_id="worker", content=f"message {number}",
        metadata={"number": number}, sender="ann", created_at=NOW, expires_at=LATER,
    )  # fmt: skip


async def test_the_first_with_a_key_is_the_one(store: Store) -> None:
    assert await store.tickets.send(ticket(1), "k") == ticket(1)
    assert await store.tickets.send(ticket(2), "k") == ticket(1)
    assert await store.tickets.send(ticket(3), None) == ticket(3)
    found = await store.tickets.pending("worker", now=NOW, after=None, limit=9)
    assert found == [ticket(1), ticket(3)]
    after = await store.tickets.pending("worker", now=NOW, after="tick_1", limit=9)
    assert after == [ticket(3)]
    with pytest.raises(RecordNotFoundError):
        await store.tickets.get("tick_2")


async def test_there_is_one_reply_in_time(store: Store) -> None:
    await store.tickets.send(ticket(1), None)
    await store.tickets.send(ticket(2), None)
    assert await store.tickets.reply("tick_1", "", {"a": 1}, by="bob", now=NOW)
    assert not await store.tickets.reply("tick_1", "again", {}, by="bob", now=NOW)
    assert not await store.tickets.reply("tick_2", "late", {}, by="bob", now=LATER)
    assert not await store.tickets.reply("none", "x", {}, by="bob", now=NOW)
    replied = msgspec.structs.replace(
        ticket(1), reply="", reply_metadata={"a": 1}, replied_by="bob", replied_at=NOW
    )
    assert await store.tickets.get("tick_1") == replied
    assert await store.tickets.pending("worker", now=LATER, after=None, limit=9) == []
    assert await store.tickets.delete_old(before=LATER, limit=9) == 1
    assert await store.tickets.get("tick_2") == ticket(2)
