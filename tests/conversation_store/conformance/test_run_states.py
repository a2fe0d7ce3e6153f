"""A run's states: the moves that are allowed, the one end, and that the end is final."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import sampled_from

from conversation_store import states
from conversation_store.interfaces import OpenStore, Store
from conversation_store.records import NewRun, RunOutcome
from conversation_store.states import MOVES, TERMINAL, RunState
from tests.helpers.rows import NOW, add_agent, add_run, event, events_of, move

ACTIVE = [RunState.STARTING, RunState.RUNNING, RunState.WAITING_APPROVAL]
WAYS: dict[RunState, list[RunState]] = {
    RunState.QUEUED: [],
    RunState.STARTING: [RunState.STARTING],
    RunState.RUNNING: [RunState.STARTING, RunState.RUNNING],
    RunState.WAITING_APPROVAL: [RunState.STARTING, RunState.RUNNING, RunState.WAITING_APPROVAL],
    **{state: [RunState.STARTING, RunState.RUNNING, state] for state in TERMINAL},
}


async def go(store: Store, run: NewRun, target: RunState) -> bool:
    """Move or finish, whichever leads to `target`; True if the store did it."""
    if target in TERMINAL:
        outcome = RunOutcome(state=target)
        return (await store.runs.finish(run.run_id, outcome, [event()], now=NOW)) is not None
    return await store.runs.move(move(target, run=run.run_id))


def test_the_table_of_moves() -> None:
    assert set(MOVES) == set(RunState)
    for state in RunState:
        kinds = [states.is_terminal(state), state in ACTIVE, state is RunState.QUEUED]
        assert kinds.count(True) == 1
        if states.is_terminal(state):
            assert MOVES[state] == frozenset()
        else:
            assert MOVES[state] >= TERMINAL, "every run can end from wherever it is"
    for source, target in product(RunState, RunState):
        assert (target in MOVES[source]) is (source in states.sources_of(target))


@pytest.mark.anyio
async def test_the_store_allows_exactly_the_moves_of_the_table(
    open_store: OpenStore, tmp_path: Path
) -> None:
    async with open_store(tmp_path / "new.db") as store:
        await add_agent(store)
        pairs = [(s, t) for s, t in product(RunState, RunState) if t is not RunState.QUEUED]
        for number, (source, target) in enumerate(pairs):
            run = await add_run(store, number, f"conv_{number}")
            for step in WAYS[source]:
                assert await go(store, run, step)
            before = await store.runs.get(run.run_id)
            moved = await go(store, run, target)
            assert moved is (target in MOVES[source]), f"{source} -> {target}"
            after = await store.runs.get(run.run_id)
            assert after.state is (target if moved else source)
            if not moved:
                assert after == before
            ends = (source in TERMINAL) + (moved and target in TERMINAL)
            assert len(await events_of(store, f"conv_{number}")) == ends
            await go(store, run, RunState.CANCELLED)


@pytest.mark.anyio
async def test_of_many_finishers_one_wins(open_store: OpenStore, tmp_path: Path) -> None:
    ends = sorted(TERMINAL)
    async with open_store(tmp_path / "new.db") as store:
        await add_agent(store)
        for number in range(25):
            run = await add_run(store, number, f"conv_{number}")
            won: list[RunState] = []

            async def finish(run: NewRun, end: RunState, turn: str, won: list[RunState]) -> None:
                outcome = RunOutcome(state=end, answer=f"{end}", turn_id=turn)
                finished = event(end, "run.finished")
                if await store.runs.finish(run.run_id, outcome, [finished], now=NOW) is not None:
                    won.append(end)

            async def start(run: NewRun) -> None:
                await store.runs.move(move(RunState.STARTING, run=run.run_id))

            async with anyio.create_task_group() as tasks:
                for index in range(40):
                    end = ends[(index + number) % len(ends)]
                    tasks.start_soon(finish, run, end, f"turn_{number}_{index}", won)
                    tasks.start_soon(start, run)
            assert len(won) == 1
            record = await store.runs.get(run.run_id)
            assert record.state is won[0]
            turns = await store.conversations.turns_of_run(run.run_id)
            assert [t.content for t in turns] == [f"prompt {number}", won[0]]
            stored = await events_of(store, f"conv_{number}")
            assert [e.payload for e in stored] == [event(won[0], "run.finished").payload]


class RunMachine(RuleBasedStateMachine):
    """Any sequence of moves on one run, against the table in `states`."""

    def __init__(self, open_store: OpenStore) -> None:
        super().__init__()
        self.things = ExitStack()
        folder = self.things.enter_context(TemporaryDirectory())
        self.portal = self.things.enter_context(start_blocking_portal())
        opened = self.portal.wrap_async_context_manager(open_store(Path(folder) / "new.db"))
        self.store = self.things.enter_context(opened)
        self.portal.call(add_agent, self.store)
        self.run = self.portal.call(add_run, self.store)
        self.model = RunState.QUEUED
        self.events = 0

    @rule(to=sampled_from([*ACTIVE, *sorted(TERMINAL)]))
    def try_to_go(self, to: RunState) -> None:
        moved = self.portal.call(go, self.store, self.run, to)
        assert moved is (to in MOVES[self.model])
        if moved:
            self.model = to
            self.events += to in TERMINAL

    @invariant()
    def the_store_knows(self) -> None:
        record = self.portal.call(self.store.runs.get, "run_1")
        assert record.state is self.model
        assert (record.finished_at is not None) is (self.model in TERMINAL)
        open_runs = [found.run_id for found in self.portal.call(self.store.runs.open_runs)]
        assert open_runs == ([] if self.model in TERMINAL else ["run_1"])
        conversation = self.portal.call(self.store.conversations.get, "conv_1")
        assert conversation.last_event_seq == self.events

    def teardown(self) -> None:
        self.things.close()


def test_any_sequence_of_moves(open_store: OpenStore) -> None:
    class Machine(RunMachine):
        def __init__(self) -> None:
            super().__init__(open_store)

    limits = settings(max_examples=25, stateful_step_count=12, deadline=None)
    run_state_machine_as_test(Machine, settings=limits)
