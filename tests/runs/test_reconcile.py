"""What a service finds of an earlier one is settled before it takes requests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_runner import wire
from agent_runner.process.identity import MARKER, boot_id, mark_of
from agent_runner.process.proc import start_ticks
from agent_runner.runs.reconcile import reconcile
from agent_runner.runs.recovery import Recovered
from conversation_store.records import ProcessRecord, RunRecord
from conversation_store.sqlite.store import open_store
from conversation_store.states import RunState
from tests.conftest import Script, Service, Serving
from tests.helpers.rows import NOW, add_agent, add_run, move
from tests.helpers.world import marked_processes, nothing_left
from tests.runs.test_service import add_agent as add_worker
from tests.runs.test_service import ended, start, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def stray() -> Iterator[subprocess.Popen[bytes]]:
    """A process whose keeper did not survive either."""
    env = {"PATH": os.environ["PATH"], MARKER: "proc_stray"}
    with subprocess.Popen(["sleep", "4711"], env=env) as process:
        while mark_of(process.pid) is None:
            pass
        yield process
        process.kill()


def nothing(run_id: str) -> bool:
    return False


async def unread(run: RunRecord) -> Recovered:
    return Recovered()


def record(pid: int, **changes: object) -> ProcessRecord:
    fields = {
        "process_id": "proc_stray",
        "run_id": "run_1",
        "conversation_id": "conv_1",
        "agent_id": "a",
        "pid": pid,
        "start_ticks": start_ticks(pid),
        "boot_id": boot_id(),
        "started_at": NOW,
    }
    return ProcessRecord(**{**fields, **changes})  # type: ignore[arg-type]


async def test_open_runs_and_processes_are_settled_once(
    tmp_path: Path, stray: subprocess.Popen[bytes]
) -> None:
    async with open_store(tmp_path / "new.db") as store:
        await add_agent(store)
        runs = [await add_run(store, number, f"conv_{number}") for number in range(4)]
        await store.runs.move(move(RunState.STARTING, run="run_0"), process=record(stray.pid))
        dead = record(stray.pid, process_id="proc_dead", boot_id="an earlier boot")
        await store.processes.add(dead)
        report, queued = await reconcile(
            store, resume_queued=True, prompted=nothing, recover=unread
        )
        assert (report.runs_interrupted, report.runs_resumed) == (1, 3)
        assert (report.processes_ended, report.processes_found_dead) == (1, 1)
        assert [run.run_id for run in queued] == [run.run_id for run in runs[1:]]
        assert stray.wait(5) == -signal.SIGKILL
        ended_run = await store.runs.get(runs[0].run_id)
        assert (ended_run.state, ended_run.code) == ("interrupted", "interrupted")
        assert "starting" in str(ended_run.error)
        assert await store.processes.all() == []
        again, _ = await reconcile(store, resume_queued=True, prompted=nothing, recover=unread)
        assert (again.runs_interrupted, again.processes_ended) == (0, 0)
        last, queued = await reconcile(store, resume_queued=False, prompted=nothing, recover=unread)
        assert (last.runs_interrupted, last.runs_resumed, queued) == (3, 0, [])


async def test_a_queued_prompt_that_a_warm_process_got_is_not_run_again(tmp_path: Path) -> None:
    async with open_store(tmp_path / "new.db") as store:
        await add_agent(store)
        begun, waiting = await add_run(store, 1), await add_run(store, 2, "conv_2")
        report, queued = await reconcile(
            store,
            resume_queued=True,
            prompted=lambda run_id: run_id == begun.run_id,
            recover=unread,
        )
        assert [run.run_id for run in queued] == [waiting.run_id]
        assert (report.runs_interrupted, report.runs_resumed) == (1, 1)
        assert (await store.runs.get(begun.run_id)).state == "interrupted"


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "4711"], env={"PATH": os.environ["PATH"]}) as process:
        yield process
        process.kill()


async def test_a_stranger_with_a_recorded_pid_is_spared(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    async with open_store(tmp_path / "new.db") as store:
        await store.processes.add(record(stranger.pid))
        report, _ = await reconcile(store, resume_queued=True, prompted=nothing, recover=unread)
    assert (report.processes_ended, report.processes_found_dead) == (0, 1)
    assert stranger.poll() is None


async def test_queued_prompts_are_run_after_a_stop(serving: Serving, tmp_path: Path) -> None:
    here = tmp_path / "here"
    async with serving() as context:
        agent = await add_worker(context, tmp_path)
        begun = await start(context, agent, [{"touch": str(here)}, {"hang": True}])
        queued = [await start(context, agent, f"prompt {number}") for number in range(3)]
        await until(here)
    assert (await ended(begun)).state == "interrupted"
    assert all(active.done.is_set() and active.outcome is None for active in queued)
    async with serving() as context:
        assert context.reconciliation.runs_resumed == 3
        for active in queued:
            if (resumed := context.runs.active.get(active.run_id)) is not None:
                await ended(resumed)
            assert (await context.store.runs.get(active.run_id)).state == "succeeded"
        turns = await context.store.conversations.turns(
            begun.run.conversation_id, after=0, limit=99
        )
        answers = [turn.content for turn in turns if turn.role == "assistant"]
        assert answers == [f"echo: prompt {number}" for number in range(3)]


async def test_a_stop_lets_begun_runs_end(serving: Serving, tmp_path: Path) -> None:
    here = tmp_path / "here"
    async with serving(drain_ms=20_000) as context:
        agent = await add_worker(context, tmp_path)
        slow: Script = [{"touch": str(here)}, {"beat": 30, "every_ms": 10}, {"text": "done"}]
        active = await start(context, agent, slow)
        await until(here)
    outcome = await ended(active)
    assert (outcome.state, outcome.answer) == ("succeeded", "done")


# --- a service that is killed ----------------------------------------------------------------


def test_nothing_outlives_a_killed_service(service: Service, tmp_path: Path) -> None:
    pids, here = tmp_path / "pids", tmp_path / "here"
    service.run("a warm process")
    service.register("other")
    script = [
        {"fork": 10, "daemon": True, "ignore_term": True, "pids": str(pids)},
        {"fork": 3, "daemon": True, "clear_env": True, "pids": str(pids)},
        {"touch": str(here)},
        {"hang": True},
    ]
    body = {"prompt": json.dumps(script)}
    with (
        service.client(Accept="text/event-stream") as client,
        client.stream("POST", "/agents/other/execute", json=body),
    ):
        while not (here.exists() and pids.read_text().count("\n") == 13):
            pass
        hidden = [int(line) for line in pids.read_text().split()]
        assert len(marked_processes(service.cwd)) >= 12
        service.process.kill()
        service.process.wait()
    while not nothing_left(service.cwd, hidden):
        pass
    service.stop()
    service.start()
    with service.client() as client:
        page = client.get("/agents/other/conversation").json()
        run = client.get(f"/runs/{page['turns'][0]['runId']}").json()
    assert (run["status"], run["code"]) == ("interrupted", "interrupted")
    assert service.run("again", "other").json()["content"] == "echo: again"


@pytest.mark.parametrize("count", [300])
async def test_many_open_runs_are_settled_in_one_go(tmp_path: Path, count: int) -> None:
    async with open_store(tmp_path / "new.db") as store:
        await add_agent(store)
        for number in range(count):
            await add_run(store, number, f"conv_{number}")
        report, _ = await reconcile(store, resume_queued=False, prompted=nothing, recover=unread)
        assert report.runs_interrupted == count
        assert await store.runs.open_runs() == []
        assert report.at <= wire.now()
