"""Cancel, result, deadline and exit race for the end of a run."""

from __future__ import annotations

import contextlib
import json
import random
import tempfile
from collections import Counter
from pathlib import Path

import anyio

from agent_runner import wire
from agent_runner.app.service import running_service
from agent_runner.app.state_dir import StateDir
from agent_runner.errors import ConflictError
from agent_runner.runs.request import ExecuteRequest
from agent_runner.settings import Settings
from conversation_store.records import NewEvent, RunOutcome
from conversation_store.sqlite.store import Store, open_store
from conversation_store.states import TERMINAL, RunState
from tests.conftest import sections
from tests.helpers.rows import NOW, add_agent, add_run
from tests.helpers.world import Books, Table, scripted

LANES = 8
PROMPTS = (
    "at once",
    json.dumps([{"beat": 2, "every_ms": 4}, {"text": "soon"}]),
    json.dumps([{"text": "begun"}, {"hang": True}, {"text": "never"}]),
    json.dumps([{"beat": 1, "every_ms": 3}, {"die": 1}]),
)


async def _finishers(store: Store, number: int) -> int:
    """Four finish one run at once; how many believe that they did."""
    run = await add_run(store, number, f"conv_{number}")
    wins = []

    async def finish(state: RunState) -> None:
        event = NewEvent("run.finished", NOW, b"{}")
        outcome = RunOutcome(state=state)
        won = await store.runs.finish(run.run_id, outcome, [event], now=NOW) is not None
        wins.append(won)

    async with anyio.create_task_group() as tasks:
        for state in random.sample(sorted(TERMINAL), 4):
            tasks.start_soon(finish, state)
    return sum(wins)


async def _store_races(count: int) -> int:
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        async with open_store(Path(name) / "new.db") as store:
            await add_agent(store)
            for first in range(0, count, 100):
                async with anyio.create_task_group() as tasks:

                    async def one(number: int) -> None:
                        nonlocal wrong
                        wrong += await _finishers(store, number) != 1

                    for number in range(first, min(first + 100, count)):
                        tasks.start_soon(one, number)
    return wrong


async def _run_races(count: int, seed: int) -> tuple[int, Counter[str]]:
    """Runs of a scripted CLI, cancelled or out of time at a random moment."""
    states: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        folder = Path(name)
        state = StateDir(folder / "state")
        settings = Settings(
            state_dir=folder / "state",
            allowed_roots=[folder],
            programs=scripted(folder),
            **sections(agent_failures=10**6, type_failures=10**6),
        )
        with state.claim():
            async with running_service(settings, state) as context:

                async def lane(number: int) -> None:
                    chance = random.Random(seed + number)
                    agent = await context.store.agents.add(
                        f"lane-{number}",
                        agent_type="claude-code",
                        comm_mode="headless",
                        options={"cwd": str(folder)},
                        now=wire.now(),
                    )
                    for _ in range(count // LANES):
                        timeouts = {"commandMs": chance.randint(1, 30), "cancelGraceMs": 100}
                        request = ExecuteRequest(prompt=chance.choice(PROMPTS), timeouts=timeouts)
                        accepted = await context.runs.execute(agent.agent_id, request)
                        assert accepted.active is not None
                        if chance.random() < 0.6:
                            await anyio.sleep(chance.uniform(0, 0.01))
                            with contextlib.suppress(ConflictError):
                                await context.runs.cancel(agent.agent_id, accepted.run_id)
                        await accepted.active.done.wait()
                        assert accepted.active.outcome is not None
                        states[accepted.active.outcome.state] += 1

                async with anyio.create_task_group() as tasks:
                    for number in range(LANES):
                        tasks.start_soon(lane, number)
        books = Books(folder / "state")
        ends = books.ends()
        wrong = sum(ends.get(run_id, 0) != 1 for run_id in books.states())
    return wrong + books_total_difference(states, len(ends)), states


def books_total_difference(states: Counter[str], ends: int) -> int:
    """Runs that were answered and not stored, or the other way."""
    return abs(sum(states.values()) - ends)


def races(table: Table, store_schedules: int, run_schedules: int, seed: int) -> None:
    """Both kinds of races."""
    wrong = anyio.run(_store_races, store_schedules)
    table.row(
        f"four ends of one run at once: {store_schedules} schedules, not one winner",
        wrong,
        "0",
        ok=wrong == 0,
    )
    wrong, states = anyio.run(_run_races, run_schedules, seed)
    table.row(
        f"cancel, deadline and result of {sum(states.values())} runs: not one end",
        wrong,
        "0",
        ok=wrong == 0,
    )
    table.row("  runs by state", " ".join(f"{s}:{n}" for s, n in sorted(states.items())))
