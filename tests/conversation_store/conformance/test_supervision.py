"""What a service leaves behind for the next one: its processes, and what its breakers knew."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conversation_store.interfaces import OpenStore, Store
from conversation_store.records import CircuitRecord, ProcessRecord
from conversation_store.states import RunState
from tests.helpers.rows import LATER, NOW, add_agent, add_run, event, events_of, move

pytestmark = pytest.mark.anyio

PROCESS = ProcessRecord(
    process_id="proc_1", run_id="run_1", conversation_id="conv_1", agent_id="worker", pid=7,
    start_ticks=None, boot_id="boot", started_at=NOW,
)  # fmt: skip
BREAKER = CircuitRecord(
    scope="agent", name="worker", state="open", failures=3, openings=1, code="cli_error",
    retry_at=LATER, changed_at=NOW,
)  # fmt: skip


async def test_a_process_is_written_down_with_its_runs_move_or_not_at_all(store: Store) -> None:
    await add_run(store)
    assert not await store.runs.move(move(RunState.RUNNING), process=PROCESS)
    assert await store.processes.all() == []
    assert await store.runs.move(move(RunState.STARTING), process=PROCESS)
    second = msgspec.structs.replace(PROCESS, process_id="proc_2", started_at=LATER)
    await store.processes.add(second)
    await store.processes.note_background("proc_2", '["x"]')
    noted = msgspec.structs.replace(second, background='["x"]')
    assert await store.processes.all() == [PROCESS, noted]
    await store.processes.forget("proc_1")
    await store.processes.lose(noted, [event()])
    assert await store.processes.all() == []
    assert len(await events_of(store, "conv_1")) == 1


async def test_a_lost_process_of_a_deleted_conversation_tells_nobody(store: Store) -> None:
    await store.processes.add(PROCESS)
    await store.processes.lose(PROCESS, [event()])
    assert await store.processes.all() == []


async def test_a_breaker_is_kept_as_it_was_last(open_store: OpenStore, path: Path) -> None:
    closed = msgspec.structs.replace(
        BREAKER, state="closed", failures=0, openings=0, code=None, retry_at=None, changed_at=LATER
    )
    other = msgspec.structs.replace(BREAKER, scope="type", name="gemini")
    async with open_store(path) as store:
        await add_agent(store)
        for breaker in (BREAKER, other, closed):
            await store.circuits.save(breaker)
    async with open_store(path) as store:
        assert await store.circuits.all() == [closed, other]
