"""Toggles: what stands, who changed it, and how one ends."""

from __future__ import annotations

import msgspec
import pytest

from conversation_store.interfaces import Store
from conversation_store.records import Cause, ToggleEventRecord, ToggleRecord
from tests.helpers.rows import LATER, NOW

pytestmark = pytest.mark.anyio

ANN = Cause(by="ann", via="cli", reason="over")
OURS = ToggleRecord(
    scope="type", name="gemini", mode="tmux", automatic=False, reason="a bad release",
    set_by="ann", via="cli", since=NOW, expires_at=LATER,
)  # fmt: skip
AUTOMATIC = msgspec.structs.replace(
    OURS, automatic=True, set_by="service", via="automatic", expires_at=None, evidence={"falls": 1}
)


async def log(store: Store) -> list[ToggleEventRecord]:
    return await store.toggles.events(after=0, limit=100)


async def test_what_is_set_stands_with_its_end_and_evidence(store: Store) -> None:
    other = msgspec.structs.replace(AUTOMATIC, scope="agent", name="worker")
    assert await store.toggles.set(OURS)
    assert await store.toggles.set(other)
    assert await store.toggles.all() == [other, OURS]


async def test_an_automatic_one_does_not_replace_an_operators(store: Store) -> None:
    assert await store.toggles.set(AUTOMATIC)
    assert await store.toggles.set(OURS)
    assert not await store.toggles.set(AUTOMATIC)
    assert await store.toggles.all() == [OURS]
    assert len(await log(store)) == 2


@pytest.mark.parametrize(("via", "kind"), [("cli", "toggle.cleared"), ("expiry", "toggle.expired")])
async def test_an_end_is_told_as_what_it_was(store: Store, via: str, kind: str) -> None:
    await store.toggles.set(OURS)
    cause = msgspec.structs.replace(ANN, via=via)
    assert await store.toggles.clear("type", "gemini", cause, now=LATER) == OURS
    assert await store.toggles.clear("type", "gemini", cause, now=LATER) is None
    assert await store.toggles.all() == []
    begun, ended = await log(store)
    assert (begun.type, begun.time, ended.type, ended.time) == ("toggle.set", NOW, kind, LATER)
    told = msgspec.json.decode(ended.payload)
    assert told["toggle"] == msgspec.to_builtins(OURS)
    assert (told["by"], told["via"], told["reason"]) == ("ann", via, "over")
    assert ended.seq == await store.toggles.last_event() > begun.seq


async def test_one_that_was_replaced_does_not_expire(store: Store) -> None:
    """Its time came when another stood in its place."""
    newer = msgspec.structs.replace(OURS, since=LATER, expires_at=None)
    await store.toggles.set(newer)
    expiry = msgspec.structs.replace(ANN, via="expiry")
    cleared = await store.toggles.clear("type", "gemini", expiry, now=LATER, only_since=NOW)
    assert cleared is None
    assert await store.toggles.all() == [newer]


async def test_its_end_moves_with_the_clock(store: Store) -> None:
    await store.toggles.set(OURS)
    assert await store.deadlines.move(60.5, now=NOW) == 1
    (moved,) = await store.toggles.all()
    assert moved.expires_at == "2026-01-02T03:06:07.289Z"
    assert await store.deadlines.move(60, now="2026-01-02T03:06:07.289Z") == 0


async def test_the_audit_is_by_place(store: Store) -> None:
    await store.toggles.set(OURS)
    await store.toggles.set(msgspec.structs.replace(OURS, scope="agent", name="worker"))
    await store.toggles.note("canary.begun", "type", "gemini", {"runId": "r"}, now=LATER)
    kinds = [entry.type for entry in await store.toggles.audit(name="gemini", limit=9)]
    assert kinds == ["canary.begun", "toggle.set"]
    (only,) = await store.toggles.audit(scope="agent", limit=9)
    assert only.name == "worker"
    assert await store.toggles.audit(before=only.seq, limit=1) == (await log(store))[:1]
