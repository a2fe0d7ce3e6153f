"""Who waits for a reply is remembered only for as long as he waits."""

from __future__ import annotations

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from agent_runner import wire
from agent_runner.tickets import TicketService
from conversation_store.errors import RecordNotFoundError
from conversation_store.sqlite.store import open_store

pytestmark = pytest.mark.anyio


async def test_nothing_is_kept_of_those_who_waited(tmp_path: Path) -> None:
    async with open_store(tmp_path / "store.db") as store:
        await store.agents.add(
            "a", agent_type="custom", comm_mode="headless", options={}, now=wire.now()
        )
        tickets = TicketService(store.tickets)
        ticket = await tickets.send("a", "hello", {}, sender="s", expires_ms=60_000, key=None)
        with pytest.raises(RecordNotFoundError):
            await tickets.wait("tick_none", 1)
        await tickets.wait(ticket.ticket_id, 0.001)
        assert tickets._waiting == {}
        heard: list[str | None] = []

        async def listen() -> None:
            heard.append((await tickets.wait(ticket.ticket_id, 30)).reply)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            tasks.start_soon(listen)
            while len(tickets._waiting.get(ticket.ticket_id, ())) < 2:
                await anyio.lowlevel.checkpoint()
            await tickets.reply(ticket.ticket_id, "here", {}, by="a")
        assert heard == ["here", "here"]
        assert tickets._waiting == {}
