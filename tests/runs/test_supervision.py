"""Deadlines, limits and warm processes, with scripted CLIs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from agent_runner.api.context import Context
from agent_runner.process import child, control
from agent_runner.runs.active import ActiveRun
from tests.conftest import Script, Serving
from tests.runs.test_service import add_agent, ended, events_of, run, start, until

pytestmark = pytest.mark.anyio


async def payloads(context: Context, active: ActiveRun) -> list[dict[str, Any]]:
    return [json.loads(event.payload) for event in await events_of(context, active.run_id)]


async def conversation_events(context: Context, active: ActiveRun) -> list[dict[str, Any]]:
    pages = context.store.events.of_conversation(active.run.conversation_id, after=0, until=2**62)
    return [json.loads(event.payload) async for page in pages for event in page]


async def when(condition: Any) -> None:
    with anyio.fail_after(20):
        while not await condition():
            await anyio.sleep(0.01)


@pytest.mark.parametrize(
    ("limits", "env", "script", "code", "timeout"),
    [
        ({"start_ms": 300}, {"SCRIPTED_START": '[{"hang": true}]'}, [], "start_timeout", "start"),
        ({"no_output_ms": 300}, {}, [{"text": "a"}, {"hang": True}], "stalled", "no_output"),
        ({"command_ms": 400}, {}, [{"drip": 0, "every_ms": 20}], "timed_out", "command"),
    ],
    ids=["start", "silence", "whole time"],
)
@pytest.mark.parametrize("warm", [8, 0], ids=["warm", "once"])
async def test_a_deadline_ends_the_run_and_says_which(
    serving: Serving,
    tmp_path: Path,
    warm: int,
    limits: dict[str, int],
    env: dict[str, str],
    script: list[dict[str, Any]],
    code: str,
    timeout: str,
) -> None:
    async with serving(warm_processes=warm, cancel_grace_ms=300, **limits) as context:
        agent = await add_agent(context, tmp_path, env=env)
        active = await start(context, agent, script)
        outcome = await ended(active)
        assert (outcome.state, outcome.code) == ("timed_out", code)
        (expiry,) = [e for e in await payloads(context, active) if e["type"] == "timeout"]
        assert (expiry["code"], expiry["timeout"]) == (code, timeout)
        assert expiry["limitMs"] == next(iter(limits.values()))
        assert not [p for p in context.runner.living if p.identity.pid != 0 and warm == 0]


async def test_a_tree_near_its_memory_limit_is_told_of_while_it_runs(
    serving: Serving, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with serving() as context:
        agent = await add_agent(context, tmp_path, resources={"memoryBytes": 200 << 20})
        active = await start(
            context, agent, [{"eat": 170 << 20}, {"wait": str(gate)}, {"text": "done"}]
        )

        async def told() -> bool:
            return any(e["type"] == "limit" for e in await payloads(context, active))

        await when(told)
        (near,) = [e for e in await payloads(context, active) if e["type"] == "limit"]
        assert (near["limit"], near["level"], near["of"]) == ("memory", "warning", 200 << 20)
        assert not active.done.is_set()
        gate.touch()
        assert (await ended(active)).state == "succeeded"


async def test_a_stall_may_be_only_told(serving: Serving, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with serving(no_output_ms=200, on_stall="warn") as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, [{"wait": str(gate)}, {"text": "late"}])

        async def told() -> bool:
            kinds = [str(e["type"]) for e in await payloads(context, active)]
            return kinds.count("timeout") >= 2

        await when(told)
        gate.touch()
        outcome = await ended(active)
        assert (outcome.state, outcome.answer) == ("succeeded", "late")
        assert {e["action"] for e in await payloads(context, active) if e["type"] == "timeout"} == {
            "warn"
        }


async def test_heartbeats_keep_a_silent_run_and_their_end_ends_it(
    serving: Serving, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    async with serving(no_output_ms=700, heartbeat_grace_ms=400, cancel_grace_ms=300) as context:
        agent = await add_agent(context, tmp_path)
        begun = anyio.current_time()
        active = await start(context, agent, [{"touch": str(here)}, {"hang": True}])
        await until(here)
        while anyio.current_time() < begun + 1.2:
            assert context.runs.heartbeat("worker") is active
            await anyio.sleep(0.02)
        assert not active.done.is_set()
        assert (await ended(active)).code == "stalled"
        (expiry,) = [e for e in await payloads(context, active) if e["type"] == "timeout"]
        assert expiry["timeout"] == "heartbeat"


async def test_an_agent_and_a_run_have_their_own_time(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path, timeouts={"commandMs": 60_000})
        active = await start(context, agent, "hello")
        assert active.spec.timeouts.command_ms == 60_000
        await ended(active)
        short = await start(
            context, agent, [{"hang": True}], timeouts={"commandMs": 200, "cancelGraceMs": 400}
        )
        assert (await ended(short)).code == "timed_out"
        assert (await context.store.runs.get(short.run_id)).timeouts == {
            "commandMs": 200,
            "cancelGraceMs": 400,
        }


# --- warm processes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"session_idle_ms": 400, "session_warning_ms": 200}, "idle_closed"),
        ({"session_lifetime_ms": 1500, "session_warning_ms": 1000}, "lifetime_closed"),
    ],
)
async def test_a_warm_process_ends_with_a_warning_first(
    serving: Serving, tmp_path: Path, limits: dict[str, int], reason: str
) -> None:
    async with serving(**limits) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, "one")
        await ended(active)
        pid = context.runner.living[0].pid

        async def closed() -> bool:
            events = await conversation_events(context, active)
            return bool(events[-1]["type"] == "session.closed")

        await when(closed)
        warning, closing = (await conversation_events(context, active))[-2:]
        assert (warning["type"], warning["reason"]) == ("session.warning", reason)
        assert 0 < warning["closesInMs"] <= limits["session_warning_ms"]
        assert (closing["reason"], closing["pid"]) == (reason, pid)
        assert not psutil.pid_exists(pid)
        assert await context.store.processes.all() == []
        again = await start(context, agent, "two")
        assert (await ended(again)).answer == "echo: two"
        assert again.run.conversation_id == active.run.conversation_id
        assert again.session_id == active.session_id


async def test_the_shortest_time_counts_whatever_came_before(
    serving: Serving, tmp_path: Path
) -> None:
    """The pool sleeps until the first process is to end; one that is to end sooner wakes it."""
    async with serving() as context:
        kept = await add_agent(context, tmp_path, "kept")
        await run(context, kept, "hello")
        (first,) = context.runner.living
        times: dict[str, Any] = {"timeouts": {"sessionIdleMs": 100}}
        for name in ("soon", "sooner"):
            await run(context, await add_agent(context, tmp_path, name, **times), "hello")

        async def ended_by_time() -> bool:
            return context.runner.living == [first]

        await when(ended_by_time)


async def test_a_prompt_in_time_keeps_the_process(serving: Serving, tmp_path: Path) -> None:
    async with serving(session_idle_ms=600, session_warning_ms=500) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, "one")
        await ended(active)
        pid = context.runner.living[0].pid

        async def warned() -> bool:
            last = (await conversation_events(context, active))[-1]
            return bool(last["type"] == "session.warning")

        await when(warned)
        assert (await run(context, agent, "two")).answer == "echo: two"
        assert context.runner.living[0].pid == pid


async def test_the_pool_is_bounded(serving: Serving, tmp_path: Path) -> None:
    async with serving(warm_processes=2) as context:
        actives = []
        for number in range(4):
            agent = await add_agent(context, tmp_path, f"agent-{number}")
            actives.append(await start(context, agent, "hello"))
            await ended(actives[-1])

        async def reasons() -> list[str | None]:
            lasts = [(await conversation_events(context, active))[-1] for active in actives]
            return [last.get("reason") for last in lasts]

        async def evicted() -> bool:
            return await reasons() == ["evicted", "evicted", None, None]

        await when(evicted)
        assert len(context.runner.pool.processes) == 2
        assert len(context.runner.living) == 2


async def test_short_of_memory_no_process_is_kept(serving: Serving, tmp_path: Path) -> None:
    async with serving(warm_memory_floor_bytes=1 << 60) as context:
        active = await start(context, await add_agent(context, tmp_path), "hello")
        assert (await ended(active)).state == "succeeded"

        async def closed() -> bool:
            last = (await conversation_events(context, active))[-1]
            return bool(last.get("reason") == "low_memory")

        await when(closed)
        assert context.runner.living == []


async def test_a_process_that_dies_between_runs_is_not_noticed(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, "one")
        await ended(first)
        live = context.runner.living[0]
        psutil.Process(live.pid).kill()
        second = await start(context, agent, "two")
        outcome = await ended(second)
        assert (outcome.state, outcome.answer) == ("succeeded", "echo: two")
        assert second.session_id == first.session_id
        assert await context.store.runs.open_runs() == []


async def test_a_session_that_is_gone_is_quarantined(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, "one")
        await ended(first)
        await context.runner.drop(first.run.conversation_id)
        changed = await context.store.agents.change(
            "worker",
            comm_mode="headless",
            options={**agent.options, "env": {"SCRIPTED_NO_RESUME": "1"}},
            now=agent.created_at,
        )
        second = await start(context, changed, "two")
        answer = (await ended(second)).answer
        assert answer is not None
        assert answer.endswith("two")
        assert "user: one\n\nassistant: echo: one\n\n" in answer
        events = await payloads(context, second)
        failed = [e for e in events if e.get("code") == "session_resume_failed"]
        assert [e["data"]["attempt"] for e in failed] == [1, 2]
        (quarantined,) = [e for e in events if e["type"] == "session.quarantined"]
        assert quarantined["sessionId"] == first.session_id
        assert quarantined["historyTurns"] == 2
        assert second.session_id not in (None, first.session_id)
        assert (await run(context, changed, "three")).state == "succeeded"
        assert await context.store.runs.open_runs() == []


# --- limits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resources", "script", "code"),
    [
        ({"memoryBytes": 200 << 20}, [{"eat": 400 << 20}, {"hang": True}], "memory_limit"),
        (
            {"memoryBytes": 200 << 20},
            [{"eat": 400 << 20, "grandchild": True}, {"hang": True}],
            "memory_limit",
        ),
        ({"cpuS": 1}, [{"burn": 0}], "cpu_limit"),
        ({"processes": 10}, [{"fork": 30, "setsid": 5}, {"hang": True}], "process_limit"),
        ({"outputBytes": 100_000}, [{"flood": 0, "of": "delta"}], "output_limit"),
    ],
    ids=["memory", "memory of a grandchild", "cpu", "processes", "output"],
)
async def test_a_limit_ends_the_tree_by_name(
    serving: Serving,
    tmp_path: Path,
    resources: dict[str, int],
    script: list[dict[str, Any]],
    code: str,
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path, resources=resources)
        other = await start(context, await add_agent(context, tmp_path, "other"), "meanwhile")
        active = await start(context, agent, script)
        outcome = await ended(active)
        assert (outcome.state, outcome.code) == ("failed", code)
        assert outcome.hint
        (over,) = [
            e
            for e in await payloads(context, active)
            if e["type"] == "limit" and e["level"] == "error"
        ]
        assert over["used"] > over["of"]
        assert (await ended(other)).state == "succeeded"
        assert (await run(context, agent, "again")).answer == "echo: again"


async def test_secrets_of_the_environment_are_kept_nowhere(
    serving: Serving, tmp_path: Path
) -> None:
    secret = "sk-canary-0123456789abcdef"
    for warm in (8, 0):
        async with serving(warm_processes=warm) as context:
            agent = await add_agent(context, tmp_path, f"agent-{warm}", env={"MY_API_KEY": secret})
            script: Script = [
                {"text": f"the key is {secret}.", "deltas": 7},
                {"tool": "Bash", "input": {"command": f"echo {secret}"}, "output": secret},
                {"stderr": f"{secret}\n"},
            ]
            active = await start(context, agent, script)
            outcome = await ended(active)
            assert outcome.state == "succeeded"
            raw = (context.raw_dir / f"{active.run_id}.stdout").read_bytes()
            assert raw
            assert secret.encode() not in raw
            stderr = (context.raw_dir / f"{active.run_id}.stderr").read_bytes()
            assert stderr == b"*" * len(secret) + b"\n"
            for event in await payloads(context, active):
                if event["type"] != "run.queued":
                    assert secret not in json.dumps(event)


# --- callers ---------------------------------------------------------------------------------


async def test_what_an_interrupted_tool_leaves_behind_is_killed(
    serving: Serving, tmp_path: Path
) -> None:
    pids, here = tmp_path / "pids", tmp_path / "here"
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        assert (await run(context, agent, "warm up")).state == "succeeded"
        pid = context.runner.living[0].pid
        active = await start(
            context,
            agent,
            [
                {"tool": "Bash", "input": {"command": "x"}},
                {"fork": 5, "daemon": True, "ignore_term": True, "pids": str(pids)},
                {"touch": str(here)},
                {"hang": True},
            ],
        )
        await until(here)
        await context.runs.cancel("worker", None)
        assert (await ended(active)).state == "cancelled"
        left = [int(line) for line in pids.read_text().split()]
        assert len(left) == 5

        async def gone() -> bool:
            return not any(psutil.pid_exists(pid) for pid in left)

        await when(gone)
        assert (await run(context, agent, "on")).answer == "echo: on"
        assert context.runner.living[0].pid == pid


async def test_a_process_that_cannot_be_ended_holds_up_nobody(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keeper hears no command: as close to a process in uninterruptible sleep as can be."""
    here = tmp_path / "here"
    held_open: list[child.Child] = []
    async with serving(cancel_grace_ms=200) as context:
        agent = await add_agent(context, tmp_path)
        script: Script = [
            {"ignore_term": True},
            {"deaf": True},
            {"stay": True},
            {"touch": str(here)},
            {"hang": True},
        ]
        active = await start(context, agent, script)
        await until(here)
        pid = context.runner.living[0].pid
        with monkeypatch.context() as patched:
            patched.setattr(control.Control, "command", lambda *_: None)
            patched.setattr(child, "KILL_WAIT_S", 0.1)
            patched.setattr(child.Child, "close", lambda self: held_open.append(self))
            await context.runs.cancel("worker", None)
            assert (await ended(active)).state == "cancelled"
        assert psutil.pid_exists(pid)
        assert len(await context.store.processes.all()) == 1
        # No second process of the session beside it: first this one is ended another way.
        again = await start(context, agent, "on")
        assert (await ended(again)).answer == "echo: on"
        assert not psutil.pid_exists(pid)
        (process,) = await context.store.processes.all()
        assert process.pid == context.runner.living[0].pid
    for one in held_open:
        one.close()


async def test_a_kept_process_whose_folder_is_gone_serves_no_prompt(
    serving: Serving, tmp_path: Path
) -> None:
    cwd = tmp_path / "project"
    cwd.mkdir()
    async with serving() as context:
        agent = await add_agent(context, cwd)
        assert (await run(context, agent, "one")).state == "succeeded"
        cwd.rmdir()
        outcome = await run(context, agent, "two")
        assert (outcome.state, outcome.code) == ("failed", "cwd_missing")
        (first,) = context.runner.living
        cwd.mkdir()
        (cwd / "made").touch()
        # The old process is in a folder that has no name any more.
        outcome = await run(context, agent, [{"tool": "Read"}, {"text": "Here."}])
        assert outcome.answer == "Here."
        (second,) = context.runner.living
        assert second.pid != first.pid
        outside = tmp_path.parent / f"{tmp_path.name}-outside"
        outside.mkdir()
        (cwd / "made").unlink()
        cwd.rmdir()
        cwd.symlink_to(outside)
        outcome = await run(context, agent, "four")
        assert (outcome.state, outcome.code) == ("failed", "cwd_not_allowed")
