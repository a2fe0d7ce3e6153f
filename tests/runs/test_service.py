"""Runs against the fake CLI, in this process: order, ends, sessions, processes."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from agent_runner import wire
from agent_runner.api.context import Context
from agent_runner.bus.stored import new_event
from agent_runner.errors import (
    BadRequestError,
    BusyError,
    ConflictError,
    TooLargeError,
    UnavailableError,
)
from agent_runner.events.notice import Notice
from agent_runner.runs.active import ActiveRun
from agent_runner.runs.request import ExecuteRequest
from agent_runner.runs.service import Accepted
from conversation_store.errors import RecordConflictError, RecordNotFoundError
from conversation_store.health import Fault
from conversation_store.records import AgentRecord, RunOutcome, StoredEvent
from conversation_store.sqlite import events as event_log
from conversation_store.states import StoreState
from tests.conftest import Script, Serving
from tests.helpers.commits import FULL, NORMAL, watch_commits
from tests.helpers.rows import new_run
from tests.helpers.trial import until as until_true
from tests.helpers.trial import wait_until

pytestmark = pytest.mark.anyio


async def add_agent(
    context: Context,
    cwd: Path,
    name: str = "worker",
    agent_type: str = "claude-code",
    **options: Any,
) -> AgentRecord:
    return await context.store.agents.add(
        name,
        agent_type=agent_type,
        comm_mode="headless",
        options={"cwd": str(cwd), **options},
        now=wire.now(),
    )


async def start(
    context: Context, agent: AgentRecord, script: Script | str, **fields: Any
) -> ActiveRun:
    prompt = script if isinstance(script, str) else json.dumps(script)
    timeout_ms = fields.pop("timeout_ms", None)
    timeouts = {"commandMs": timeout_ms} if timeout_ms else {}
    request = ExecuteRequest(**{"prompt": prompt, "timeouts": timeouts, **fields})
    return active_of(await context.runs.execute(agent.agent_id, request))


def active_of(accepted: Accepted) -> ActiveRun:
    assert accepted.active is not None
    return accepted.active


def waits(gate: Path) -> Script:
    """An answer that comes once the file is there."""
    return [{"wait": str(gate)}, {"text": "done"}]


async def run(context: Context, agent: AgentRecord, script: Script | str, **f: Any) -> RunOutcome:
    active = await start(context, agent, script, **f)
    return await ended(active)


async def ended(active: ActiveRun) -> RunOutcome:
    with anyio.fail_after(20):
        await active.done.wait()
    assert active.outcome is not None
    return active.outcome


async def events_of(context: Context, run_id: str) -> list[StoredEvent]:
    pages = context.store.events.of_run(run_id, after=0, until=2**62)
    return [event async for page in pages for event in page]


async def begun_of(context: Context, run_id: str) -> dict[str, Any]:
    """The event that says with which process the run began, once it is stored."""
    with anyio.fail_after(20):
        while len(events := await events_of(context, run_id)) < 3:
            await anyio.sleep(0.005)
    begun: dict[str, Any] = json.loads(events[2].payload)
    return begun


async def until(path: Path) -> None:
    with anyio.fail_after(20):
        while not path.exists():
            await anyio.sleep(0.005)


async def test_answer_is_stored_with_its_turns_and_events(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, "hello", metadata={"from": "test"})
        outcome = await ended(active)
        assert (outcome.state, outcome.answer) == ("succeeded", "echo: hello")
        record = await context.store.runs.get(active.run_id)
        assert record.state == "succeeded"
        assert record.cli_version == "9.9.9"
        assert record.metadata == {"from": "test"}
        turns = await context.store.conversations.turns_of_run(active.run_id)
        assert [(t.seq, t.role, t.content) for t in turns] == [
            (1, "user", "hello"),
            (2, "assistant", "echo: hello"),
        ]
        events = await events_of(context, active.run_id)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        types = [e.type for e in events]
        assert types[:3] == ["run.queued", "route.decided", "run.started"]
        assert types[-1] == "run.finished"
        assert "message.completed" in types
        assert "message.delta" not in types


async def test_only_who_is_answered_by_the_end_begins_before_the_disk_has_the_run(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who streams, comes with a key or has to wait is told of the run before its end."""
    watched = watch_commits(monkeypatch)
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        execute = partial(context.runs.execute, agent.agent_id)
        await ended(active_of(await execute(ExecuteRequest(prompt="one"), awaited=True)))
        assert watched.of_runs == [NORMAL]
        await ended(active_of(await execute(ExecuteRequest(prompt="two"))))
        keyed = ExecuteRequest(prompt="three", idempotency_key="k")
        await ended(active_of(await execute(keyed, awaited=True)))
        first = active_of(await execute(ExecuteRequest(prompt="four"), awaited=True))
        second = active_of(await execute(ExecuteRequest(prompt="five"), awaited=True))
        assert watched.of_runs == [NORMAL, FULL, FULL, NORMAL, FULL]
        assert (await ended(first)).state == (await ended(second)).state == "succeeded"


@pytest.mark.parametrize("warm", [0, 2])
async def test_second_turn_goes_on_in_the_same_session(
    serving: Serving, tmp_path: Path, warm: int
) -> None:
    async with serving(warm_processes=warm) as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, "one")
        a = await ended(first)
        second = await start(context, agent, "two")
        b = await ended(second)
        assert a.session_id is not None
        assert a.session_id == b.session_id
        assert first.run.conversation_id == second.run.conversation_id
        begun = await begun_of(context, second.run_id)
        assert begun.get("reused", False) is (warm > 0)
        assert begun["form"] == ("warm" if warm else "one-shot")


async def test_one_run_at_a_time_in_the_order_of_acceptance(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        gate = tmp_path / "gate"
        log = tmp_path / "log"
        first = await start(context, agent, [{"touch": str(log)}, *waits(gate)])
        rest = [await start(context, agent, f"prompt {n}") for n in range(5)]
        await until(log)
        assert all(not active.done.is_set() for active in (first, *rest))
        gate.touch()
        for active in (first, *rest):
            assert (await ended(active)).state == "succeeded"
        turns = await context.store.conversations.turns(
            first.run.conversation_id, after=0, limit=100
        )
        answers = [t.content for t in turns if t.role == "assistant"]
        assert answers[1:] == [f"echo: prompt {n}" for n in range(5)]
        pages = context.store.events.of_conversation(
            first.run.conversation_id, after=0, until=2**62
        )
        begun_and_ended = [
            event.type
            async for page in pages
            for event in page
            if event.type in ("run.started", "run.finished")
        ]
        assert begun_and_ended == ["run.started", "run.finished"] * 6


async def test_agents_do_not_wait_for_each_other(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        gate = tmp_path / "gate"
        busy = await start(context, await add_agent(context, tmp_path), [{"wait": str(gate)}])
        other = await add_agent(context, tmp_path, "other")
        assert (await run(context, other, "hi")).state == "succeeded"
        assert not busy.done.is_set()
        gate.touch()
        await ended(busy)


async def test_cancel_while_running_keeps_the_warm_process(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        here = tmp_path / "here"
        active = await start(context, agent, [{"touch": str(here)}, {"hang": True}])
        await until(here)
        await context.runs.cancel(agent.agent_id, None)
        outcome = await ended(active)
        assert (outcome.state, outcome.code) == ("cancelled", "cancelled")
        after = await start(context, agent, "next")
        assert (await ended(after)).answer == "echo: next"
        assert (await begun_of(context, after.run_id))["reused"] is True


async def test_cancel_while_queued(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        gate = tmp_path / "gate"
        first = await start(context, agent, waits(gate))
        second = await start(context, agent, "never")
        await context.runs.cancel(agent.agent_id, second.run_id)
        assert (await ended(second)).state == "cancelled"
        assert not first.done.is_set()
        gate.touch()
        assert (await ended(first)).state == "succeeded"
        with pytest.raises(ConflictError, match="not active"):
            await context.runs.cancel(agent.agent_id, second.run_id)


async def test_a_process_that_will_not_go_is_ended_with_its_tree(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving(warm_processes=0, cancel_grace_ms=200) as context:
        agent = await add_agent(context, tmp_path)
        here = tmp_path / "here"
        script: Script = [
            {"ignore_term": True},
            {"child": ["sleep", "4711"]},
            {"touch": str(here)},
            {"wait": str(tmp_path / "never")},
        ]
        active = await start(context, agent, script, timeout_ms=60_000)
        await until(here)
        begun = await begun_of(context, active.run_id)
        tree = psutil.Process(begun["pid"]).children(recursive=True)
        assert tree
        await context.runs.cancel(agent.agent_id, None)
        assert (await ended(active)).state == "cancelled"
        assert not psutil.pid_exists(begun["pid"])
        _gone, left = psutil.wait_procs(tree, timeout=5)
        assert left == []


async def test_timeout(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        outcome = await run(context, agent, [{"hang": True}], timeout_ms=300)
        assert (outcome.state, outcome.code) == ("timed_out", "timed_out")


async def test_wait_in_the_queue_is_bounded(serving: Serving, tmp_path: Path) -> None:
    async with serving(queue_wait_ms=100, queue_depth=2) as context:
        agent = await add_agent(context, tmp_path)
        gate = tmp_path / "gate"
        first = await start(context, agent, [{"wait": str(gate)}])
        waiting = [await start(context, agent, "x") for _ in range(2)]
        with pytest.raises(BusyError, match="2 runs wait"):
            await start(context, agent, "x")
        for active in waiting:
            outcome = await ended(active)
            assert (outcome.state, outcome.code) == ("timed_out", "queue_timeout")
        gate.touch()
        await ended(first)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([{"error": "Invalid API key · Fix external API key", "status": 401}], "auth_required"),
        ([{"error": "API Error: 529 overloaded", "status": 529}], "overloaded"),
        ([{"error": "Request rejected (429)", "status": 429}], "rate_limited"),
        ([{"die": 0}], "no_result"),
        ([{"die": -9}], "cli_killed"),
    ],
)
async def test_a_failure_has_a_code(
    serving: Serving, tmp_path: Path, script: Script, code: str
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        outcome = await run(context, agent, script)
        assert (outcome.state, outcome.code) == ("failed", code)
        if code == "auth_required":
            assert "log in" in (outcome.hint or "")
            await context.circuits.reset(agent)
        assert (await run(context, agent, "again")).state == "succeeded"


async def test_a_missing_cli_fails_the_run_with_a_hint(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await context.store.agents.add(
            "g",
            agent_type="gemini",
            comm_mode="headless",
            options={"cwd": str(tmp_path)},
            now=wire.now(),
        )
        context.settings.programs["gemini"] = str(tmp_path / "nothing")
        outcome = await run(context, agent, "hi")
        assert (outcome.state, outcome.code) == ("failed", "cli_not_found")
        assert outcome.hint is not None
        assert "npm install" in outcome.hint


async def test_a_missing_cwd_fails_the_run(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path / "gone")
        assert (await run(context, agent, "hi")).code == "cwd_missing"


async def test_permission_questions_follow_the_policy(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        for policy, status in (("deny", "denied"), ("allow", "completed")):
            agent = await add_agent(context, tmp_path, policy, permissions=policy)
            active = await start(context, agent, [{"ask": "Bash", "input": {"command": "ls"}}])
            await ended(active)
            events = [json.loads(e.payload) for e in await events_of(context, active.run_id)]
            types = [e["type"] for e in events]
            assert types.index("permission.requested") < types.index("permission.resolved")
            assert [e["status"] for e in events if e["type"] == "tool.completed"] == [status]


async def test_broken_and_unknown_lines_are_kept_and_end_nothing(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        script: Script = [
            {"line": "not json"},
            {"line": '{"type":"brand_new","x":1}'},
            {"line": '{"type":"user","message":"\\ud800"}'},
            {"text": "fine"},
        ]
        active = await start(context, agent, script)
        assert (await ended(active)).answer == "fine"
        events = [json.loads(e.payload) for e in await events_of(context, active.run_id)]
        assert [e["raw"] for e in events if e["type"] == "unknown"] == [
            '{"type":"brand_new","x":1}'
        ]
        assert sum(e["type"] == "parse_error" for e in events) == 2
        raw = (context.settings.state_dir / "raw" / f"{active.run_id}.stdout").read_bytes()
        assert b'not json\n{"type":"brand_new","x":1}\n' in raw


async def test_a_line_over_the_limit_is_told_and_kept(serving: Serving, tmp_path: Path) -> None:
    async with serving(line_bytes=50_000) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, [{"line": "x" * 100_000}, {"text": "fine"}])
        assert (await ended(active)).answer == "fine"
        oversize = [
            json.loads(e.payload)
            for e in await events_of(context, active.run_id)
            if e.type == "oversize"
        ]
        assert [e["lengthBytes"] for e in oversize] == [100_000]
        raw = (context.settings.state_dir / "raw" / f"{active.run_id}.stdout").read_bytes()
        at = oversize[0]["rawOffset"]
        assert raw[at : at + 100_001] == b"x" * 100_000 + b"\n"


async def test_a_warm_process_that_died_is_replaced(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, "one")
        a = await ended(first)
        begun = await begun_of(context, first.run_id)
        process = psutil.Process(begun["pid"])
        process.kill()
        with anyio.fail_after(10):
            while psutil.pid_exists(begun["pid"]):
                await anyio.sleep(0.005)
        b = await run(context, agent, "two")
        assert (b.state, b.answer) == ("succeeded", "echo: two")
        assert a.session_id == b.session_id


async def test_idle_warm_processes_end(serving: Serving, tmp_path: Path) -> None:
    async with serving(session_idle_ms=1) as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, "one")
        await ended(first)
        begun = await begun_of(context, first.run_id)
        with anyio.fail_after(10):
            while psutil.pid_exists(begun["pid"]):
                await anyio.sleep(0.01)


async def test_end_session_starts_a_new_conversation(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, "one")
        a = await ended(first)
        assert await context.runs.end_session("worker") == first.run.conversation_id
        second = await start(context, agent, "two")
        b = await ended(second)
        assert second.run.conversation_id != first.run.conversation_id
        assert a.session_id != b.session_id
        with pytest.raises(RecordConflictError, match="ended"):
            await start(context, agent, "x", conversation_id=first.run.conversation_id)
        assert await context.runs.end_session("worker") is not None
        assert await context.runs.end_session("worker") is None


async def test_an_agent_that_is_being_deleted_takes_no_prompt(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        await ended(await start(context, agent, "before"))

        async def too_late() -> None:
            with pytest.raises(RecordNotFoundError, match="no agent"):
                await start(context, agent, "after")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(context.runs.delete_agent, "worker")
            tasks.start_soon(too_late)
        assert list(context.runs.active) == []


@pytest.mark.parametrize("head_start_ms", [0, 0.2, 0.4, 0.6, 0.8, 1, 1.5])
async def test_a_prompt_is_taken_beside_the_deletion_of_the_conversation(
    serving: Serving, tmp_path: Path, head_start_ms: float
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        before = await start(context, agent, "before")
        await ended(before)

        async def delete() -> None:
            with suppress(RecordConflictError):  # the prompt may have come first
                await context.runs.delete_conversation(before.run.conversation_id)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(delete)
            await anyio.sleep(head_start_ms / 1000)
            after = await start(context, agent, "after")
        assert (await ended(after)).state == "succeeded"


async def test_deleting_a_conversation_removes_its_raw_logs(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        gate = tmp_path / "gate"
        active = await start(context, agent, [{"wait": str(gate)}])
        with pytest.raises(RecordConflictError, match="not over"):
            await context.runs.delete_conversation(active.run.conversation_id)
        gate.touch()
        await ended(active)
        await context.runs.delete_conversation(active.run.conversation_id)
        assert list((context.settings.state_dir / "raw").iterdir()) == []
        with pytest.raises(RecordNotFoundError):
            await context.store.runs.get(active.run_id)


async def test_prompts_that_are_refused(serving: Serving, tmp_path: Path) -> None:
    async with serving(prompt_bytes=100, command_ms=1000, longest={"command_ms": 1000}) as context:
        agent = await add_agent(context, tmp_path)
        for prompt in ("", " \n", "a\0b", "\ud800"):
            with pytest.raises(BadRequestError):
                await start(context, agent, prompt)
        with pytest.raises(TooLargeError):
            await start(context, agent, "é" * 51)
        with pytest.raises(BadRequestError, match="commandMs"):
            await start(context, agent, "x", timeout_ms=1001)
        assert await context.store.conversations.current("worker") is None


async def test_stopping_the_service_interrupts_runs_and_leaves_no_process(
    serving: Serving, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    async with serving(resume_queued=False) as context:
        agent = await add_agent(context, tmp_path)
        warm = await start(context, await add_agent(context, tmp_path, "warm"), "hi")
        await ended(warm)
        active = await start(context, agent, [{"touch": str(here)}, {"hang": True}])
        queued = await start(context, agent, "later")
        await until(here)
        pids = [(await begun_of(context, r.run_id))["pid"] for r in (warm, active)]
    assert (await ended(active)).state == "interrupted"
    assert (await ended(queued)).state == "interrupted"
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_the_session_is_kept_as_soon_as_it_is_known(serving: Serving, tmp_path: Path) -> None:
    """A service that is killed in the first run can still resume the CLI's session."""
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        here, gate = tmp_path / "here", tmp_path / "gate"
        active = await start(context, agent, [{"touch": str(here)}, {"wait": str(gate)}])
        await until(here)
        with anyio.fail_after(10):
            while True:
                conversation = await context.store.conversations.get(active.run.conversation_id)
                if conversation.session_id is not None:
                    break
                await anyio.sleep(0.005)
        gate.touch()
        assert (await ended(active)).session_id == conversation.session_id


async def test_drift_is_counted(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        line = json.dumps({"type": "keep_alive", "novelty": 1})
        active = await start(context, agent, [{"line": line}, {"line": line}])
        await ended(active)
        events = [json.loads(e.payload) for e in await events_of(context, active.run_id)]
        drift = [e["data"] for e in events if e.get("code") == "drift"]
        assert drift == [{"keep_alive.novelty": 2}]
        again = await start(context, agent, [{"line": line}])
        await ended(again)
        events = [json.loads(e.payload) for e in await events_of(context, again.run_id)]
        assert [e for e in events if e.get("code") == "drift"] == [], "it is told once"
        (count,) = context.runner.launcher.drift.present()
        assert (count.type, count.version, count.newer) == ("claude-code", "9.9.9", True)
        assert count.names == {"keep_alive.novelty": 3}


async def test_after_a_failed_login_the_next_run_has_a_new_process(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        reused = []
        for script in ("one", [{"error": "Invalid API key", "status": 401}], "three"):
            active = await start(context, agent, script)
            await ended(active)
            begun = await begun_of(context, active.run_id)
            reused.append(begun.get("reused", False))
            await context.circuits.reset(agent)
        assert reused == [False, True, False]


async def test_private_files_live_as_long_as_their_process(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        private = context.settings.state_dir / "private"
        servers = {"secret": {"command": "true", "env": {"KEY": "hidden"}}}
        agent = await add_agent(context, tmp_path, mcpServers=servers)
        active = await start(context, agent, "one")
        await ended(active)
        files = list(private.rglob("mcp.json"))
        assert len(files) == 1
        assert files[0].stat().st_mode & 0o777 == 0o600
        await context.runs.end_session("worker")
        with anyio.fail_after(10):
            while list(private.iterdir()):
                await anyio.sleep(0.005)


@pytest.mark.parametrize(
    "script", ["fine", [{"error": "no", "status": 529}], [{"die": 3}], [{"hang": True}]]
)
async def test_the_record_at_hand_is_the_record_in_the_store(
    serving: Serving, tmp_path: Path, script: Script | str
) -> None:
    async with serving() as context:
        for name, cwd in (("worker", tmp_path), ("lost", tmp_path / "gone")):
            agent = await add_agent(context, cwd, name)
            for _ in range(2):
                active = await start(context, agent, script, timeout_ms=500, metadata={"a": 1})
                await ended(active)
                assert active.record() == await context.store.runs.get(active.run_id)


async def test_a_cli_that_finishes_well_when_it_is_ended_was_still_cancelled(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving(warm_processes=0, cancel_grace_ms=200) as context:
        agent = await add_agent(context, tmp_path)
        here = tmp_path / "here"
        script: Script = [{"finish_on_term": True}, {"touch": str(here)}, {"hang": True}]
        active = await start(context, agent, script)
        await until(here)
        await context.runs.cancel(agent.agent_id, None)
        outcome = await ended(active)
        assert (outcome.state, outcome.code) == ("cancelled", "cancelled")


@pytest.mark.parametrize("late", [False, True], ids=["before its end", "while its end waits"])
async def test_a_run_whose_events_are_lost_is_no_success(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    gate = tmp_path / "gate"
    script: Script = [{"text": "hello"}, {"wait": str(gate)}]
    started: list[ActiveRun] = []
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        append = event_log.append_events

        def fail_last(*arguments: Any) -> list[StoredEvent]:
            if any(event.type == "message.completed" for event in arguments[-1]):
                if late:
                    gate.touch()
                    wait_until(lambda: bool(started) and started[0].outlet.closed)
                raise RuntimeError("a bug, say")
            return append(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(event_log, "append_events", fail_last)
            started.append(await start(context, agent, script))
            (active,) = started
            if not late:
                await until_true(lambda: active.channel.lost(active.run_id))
                gate.touch()
            outcome = await ended(active)
        assert (outcome.state, outcome.code) == ("failed", "internal")
        assert (await context.store.runs.get(active.run_id)).state == "failed"
        assert (await run(context, agent, "again")).state == "succeeded"


async def test_a_prompt_that_comes_while_the_session_is_ended_begins_a_new_one(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, [{"ignore_term": True}, {"stay": True}, {"text": "a"}])
        await ended(first)
        old = first.process
        assert old is not None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(context.runs.end_session, agent.agent_id)
            await until_true(lambda: not context.runner.pool.processes)
            second = await start(context, agent, "hello")
            assert not old.alive
        assert (await ended(second)).answer == "echo: hello"
        assert second.run.conversation_id != first.run.conversation_id


def held_up(context: Context, monkeypatch: pytest.MonkeyPatch) -> tuple[anyio.Event, anyio.Event]:
    """Holds up every acceptance: set once one is there, and to be set to let them go on."""
    accept, at_it, go_on = context.store.runs.accept, anyio.Event(), anyio.Event()

    async def slowly(*arguments: Any, **options: Any) -> list[StoredEvent]:
        at_it.set()
        await go_on.wait()
        return await accept(*arguments, **options)

    monkeypatch.setattr(context.store.runs, "accept", slowly)
    return at_it, go_on


async def test_what_is_accepted_while_the_service_closes_is_ended_too(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        at_it, go_on = held_up(context, monkeypatch)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start, context, agent, [{"hang": True}])
            await at_it.wait()
            tasks.start_soon(context.runs.close)
            await anyio.wait_all_tasks_blocked()
            go_on.set()
        assert list(context.runs.active) == []


async def test_what_was_waiting_to_be_accepted_when_the_service_closed_is_refused(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        at_it, go_on = held_up(context, monkeypatch)
        refused: list[str] = []

        async def second() -> None:
            with pytest.raises(UnavailableError) as caught:
                await start(context, agent, "second")
            refused.append(caught.value.code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start, context, agent, [{"hang": True}])
            await at_it.wait()
            tasks.start_soon(second)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(context.runs.close)
            await anyio.wait_all_tasks_blocked()
            go_on.set()
        assert refused == ["shutting_down"]
        assert list(context.runs.active) == []


async def test_a_turn_that_cannot_be_watched_leaves_no_process(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving(no_output_ms=300, cancel_grace_ms=300) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, [{"text": "a"}, {"hang": True}])
        await until_true(lambda: active.progress.last_event == "message.completed")
        context.store.health.set(Fault(StoreState.CORRUPT, "database disk image is malformed"))
        await active.channel.emit(active.run_id, [Notice(code="lost")])
        assert (await ended(active)).code == "internal"
        assert active.process is not None
        with anyio.fail_after(20):
            await active.process.gone.wait()


async def test_a_run_that_is_given_up_ends_in_its_stream(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, "hello")
        await ended(first)
        conversation_id = first.run.conversation_id
        stuck = new_run(2, conversation_id, conversation_is_new=False)
        await context.store.runs.accept(stuck, [new_event(Notice(code="x"))])
        channel = first.channel
        before = (await context.store.conversations.get(conversation_id)).last_event_seq
        await context.runs.give_up(stuck.run_id)
        assert channel.last_seq == before + 1
        assert (await context.store.runs.get(stuck.run_id)).state == "interrupted"
