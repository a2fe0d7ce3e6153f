"""The event log: gapless under many writers, paged by size, kept to the byte."""

from __future__ import annotations

import json
import random

import anyio
import pytest

from agent_runner import wire
from conversation_store.errors import RecordNotFoundError
from conversation_store.interfaces import Store
from conversation_store.interfaces.events import PAGE_BYTES, PAGE_ROWS
from conversation_store.records import NewEvent
from tests.helpers.rows import ALL, NOW, add_run, event, events_of

pytestmark = pytest.mark.anyio


async def test_numbers_are_gapless_per_conversation_under_many_writers(store: Store) -> None:
    conversations = [f"conv_{n}" for n in range(6)]
    for number, name in enumerate(conversations):
        await add_run(store, number, name)
    chance = random.Random(1)
    plans = [(name, chance.randint(1, 7)) for name in conversations * 40]
    chance.shuffle(plans)
    answered: dict[str, list[int]] = {name: [] for name in conversations}

    async def append(name: str, count: int) -> None:
        batch = [(f"run_{name[5:]}", event(str(n))) for n in range(count)]
        stored = await store.events.append(name, batch)
        seqs = [e.seq for e in stored]
        assert seqs == list(range(seqs[0], seqs[0] + count)), "a batch stays together"
        answered[name] += seqs

    async with anyio.create_task_group() as tasks:
        for name, count in plans:
            tasks.start_soon(append, name, count)
    for name in conversations:
        total = sum(count for other, count in plans if other == name)
        expected = list(range(1, total + 1))
        assert sorted(answered[name]) == expected
        assert [e.seq for e in await events_of(store, name)] == expected
        assert (await store.conversations.get(name)).last_event_seq == total


async def test_a_refused_batch_uses_no_number(store: Store) -> None:
    await add_run(store)
    await store.events.append("conv_1", [("run_1", event())])
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await store.events.append("conv_1", [("run_1", event()), ("no such run", event())])
    stored = await store.events.append("conv_1", [("run_1", event())])
    assert [e.seq for e in stored] == [2]


async def test_pages_are_bounded_by_bytes_and_rows(store: Store) -> None:
    await add_run(store)
    sizes = [PAGE_BYTES // 4] * 10 + [3 * PAGE_BYTES] + [10] * (PAGE_ROWS + 50)
    batch: list[tuple[str | None, NewEvent]] = [("run_1", event("x" * size)) for size in sizes]
    await store.events.append("conv_1", batch)
    for pages in (
        store.events.of_conversation("conv_1", after=0, until=ALL),
        store.events.of_run("run_1", after=0, until=ALL),
    ):
        found = [page async for page in pages]
        assert [e.seq for page in found for e in page] == list(range(1, len(sizes) + 1))
        for page in found:
            assert len(page) <= PAGE_ROWS
            assert len(page) == 1 or sum(len(e.payload) for e in page) <= PAGE_BYTES


async def test_a_range_is_read_exactly(store: Store) -> None:
    await add_run(store)
    await store.events.append("conv_1", [("run_1", event()) for _ in range(20)])
    for after, until in ((0, 20), (3, 17), (19, 20), (20, 20), (7, 7), (25, ALL)):
        pages = store.events.of_conversation("conv_1", after=after, until=until)
        seqs = [e.seq async for page in pages for e in page]
        assert seqs == list(range(after + 1, min(until, 20) + 1))


@pytest.mark.parametrize(
    "text",
    [
        "line\u2028and\u2029paragraph\x85",
        "NUL \0 inside",
        "quotes ' \" and \\ and %s :name ? {}",
        "\r\n\t\x1b]52;c;x\x07",
        "🦊 ünïcode \U0010ffff \ufeff",
        "x" * 5_000_000,
    ],
    ids=["separators", "NUL", "quoting", "controls", "unicode", "5 MB"],
)
async def test_payloads_come_back_as_they_went(store: Store, text: str) -> None:
    await add_run(store)
    payload = wire.encode({"type": "notice", "message": text})
    assert b"\0" not in payload
    stored = await store.events.append("conv_1", [("run_1", NewEvent("notice", NOW, payload))])
    found = await events_of(store, "conv_1")
    assert found == stored
    assert found[0].payload == payload
    assert json.loads(found[0].payload)["message"] == text
    for start in (0, 1):
        pieces = [piece async for piece in store.events.pieces("conv_1", 1, start=start)]
        assert b"".join(pieces) == payload[start:]
        assert max(map(len, pieces)) <= PAGE_BYTES


async def test_what_is_not_there(store: Store) -> None:
    assert [piece async for piece in store.events.pieces("conv_1", 1, start=0)] == []
    assert await events_of(store, "conv_1") == []
    with pytest.raises(RecordNotFoundError):
        await store.conversations.get("conv_1")
