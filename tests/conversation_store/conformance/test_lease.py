"""Who opened the store for service last may write, and nobody before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from conversation_store.errors import StoreFencedError
from conversation_store.interfaces import OpenStore, Store
from conversation_store.records import Owner, RunOutcome
from conversation_store.states import RunState, StoreState
from tests.helpers.rows import NOW, add_agent, add_run, event, events_of, move

pytestmark = pytest.mark.anyio

WRITES: dict[str, Callable[[Store], Awaitable[object]]] = {
    "register": lambda s: add_agent(s, "late"),
    "change": lambda s: s.agents.change("worker", comm_mode="tmux", options={}, now=NOW),
    "forget": lambda s: s.agents.delete("worker", now=NOW),
    "accept": lambda s: add_run(s, 2, "conv_2"),
    "move": lambda s: s.runs.move(move(RunState.STARTING)),
    "finish": lambda s: s.runs.finish(
        "run_1", RunOutcome(state=RunState.SUCCEEDED), [event()], now=NOW
    ),
    "append": lambda s: s.events.append("conv_1", [("run_1", event())]),
    "session": lambda s: s.conversations.set_session("conv_1", "s", now=NOW),
    "end": lambda s: s.conversations.end("conv_1", now=NOW),
    "delete": lambda s: s.conversations.delete("conv_1"),
}


def owner(name: str) -> Owner:
    return Owner(name=f"{name}:1", boot_id="boot", since=NOW)


@pytest.mark.parametrize("write", WRITES)
async def test_who_was_replaced_writes_nothing(
    open_store: OpenStore, path: Path, write: str
) -> None:
    async with open_store(path, owner=owner("stale")) as stale:
        await add_agent(stale)
        await add_run(stale)
        async with open_store(path, owner=owner("fresh")) as fresh:
            before = await seen(fresh)
            for _ in range(2):
                with pytest.raises(StoreFencedError, match=f"fresh:1 took it over at {NOW}"):
                    await WRITES[write](stale)
                assert stale.health.state is StoreState.FENCED
            assert await seen(fresh) == before
            assert (await stale.agents.get("worker")).agent_id == "worker", "it may still read"
            assert fresh.health.state is StoreState.OK
            await add_agent(fresh, "other")


async def seen(store: Store) -> list[object]:
    return [
        await store.agents.all(),
        await store.conversations.summaries(agent_id="worker", archived=None, before=None, limit=9),
        await store.runs.open_runs(),
        await events_of(store, "conv_1"),
    ]


async def test_who_opens_without_a_name_replaces_nobody(open_store: OpenStore, path: Path) -> None:
    async with open_store(path, owner=owner("service")) as store:
        async with open_store(path) as tool:
            await add_agent(tool)
        await add_agent(store, "second")
        assert store.health.state is StoreState.OK
