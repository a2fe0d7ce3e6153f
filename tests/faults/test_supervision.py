"""Faults 17 to 19, 21 and 33 to 46: time, trees, limits, and starts that fail."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import psutil
import pytest

from agent_runner.api.context import Context
from agent_runner.errors import UnavailableError
from agent_runner.process.identity import boot_id
from agent_runner.process.proc import start_ticks
from agent_runner.runners import cli_process as live
from agent_runner.runs.active import ActiveRun
from conversation_store.records import ProcessRecord
from tests.conftest import Script, Serving
from tests.helpers.trial import EVERY_WAY, ONCE, ONE_WAY_EACH, Way, add_agent, ended, start, suffer
from tests.helpers.trial import until as wait_until

pytestmark = pytest.mark.anyio


def gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) for pid in pids)


QUICK_TO_STALL = {"timeouts": {"noOutputMs": 300}}


# --- time ------------------------------------------------------------------------------------


@pytest.mark.fault(17)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_no_output_at_all(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(
        serving,
        tmp_path,
        way,
        "hello",
        env={"SCRIPTED_START": '[{"hang": true}]'},
        options={"timeouts": {"startMs": 300}},
        cancel_grace_ms=300,
    )
    assert (trial.run.state, trial.run.code) == ("timed_out", "start_timeout")
    assert [event["timeout"] for event in trial.of("timeout")] == ["start"]


@pytest.mark.fault(18)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_silence_after_output(serving: Serving, tmp_path: Path, way: Way) -> None:
    script: Script = [{"text": "begun"}, {"deaf": True}, {"hang": True}]
    trial = await suffer(
        serving, tmp_path, way, script, options=QUICK_TO_STALL, cut=True, cancel_grace_ms=300
    )
    assert (trial.run.state, trial.run.code) == ("timed_out", "stalled")
    assert [event["timeout"] for event in trial.of("timeout")] == ["no_output"]


@pytest.mark.fault(19)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_signs_of_life_do_not_extend_the_deadline(
    serving: Serving, tmp_path: Path, way: Way
) -> None:
    script: Script = [{"beat": 0, "every_ms": 20}]
    trial = await suffer(
        serving, tmp_path, way, script, timeout_ms=500, cut=True, no_output_ms=5000,
        cancel_grace_ms=300,
    )  # fmt: skip
    assert (trial.run.state, trial.run.code) == ("timed_out", "timed_out")


@pytest.mark.fault(21)
@pytest.mark.parametrize("way", ONCE)
async def test_a_result_and_then_it_hangs(
    serving: Serving, tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EXIT_GRACE_S", 0.2)
    script: Script = [{"stay": True}, {"ignore_term": True}, {"text": "in time"}]
    trial = await suffer(serving, tmp_path, way, script, cancel_grace_ms=300)
    assert (trial.run.state, trial.answer) == ("succeeded", "in time")
    assert trial.run.exit_code == -9


# --- trees -----------------------------------------------------------------------------------


@pytest.mark.fault(33)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_sigterm_is_ignored(serving: Serving, tmp_path: Path, way: Way) -> None:
    script: Script = [{"ignore_term": True}, {"deaf": True}, {"hang": True}]
    trial = await suffer(
        serving, tmp_path, way, script, timeout_ms=400, cut=True, cancel_grace_ms=300
    )
    assert (trial.run.state, trial.run.code) == ("timed_out", "timed_out")
    assert trial.run.exit_code == -9


@pytest.mark.fault(34)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_double_fork_and_setsid(serving: Serving, tmp_path: Path, way: Way) -> None:
    pids = tmp_path / "pids"
    script: Script = [
        {"fork": 10, "daemon": True, "clear_env": True, "ignore_term": True, "pids": str(pids)},
        {"fork": 10, "setsid": 2, "ignore_term": True, "hold": True, "pids": str(pids)},
        {"deaf": True},
        {"hang": True},
    ]
    hidden: list[int] = []

    async def look(_: Context, active: ActiveRun) -> None:
        await wait_until(lambda: pids.exists() and pids.read_text().count("\n") == 20)
        hidden.extend(int(line) for line in pids.read_text().split())
        await active.done.wait()
        # Not only when the service, and with it the warden, has gone.
        with anyio.fail_after(5):
            while not gone(hidden):
                await anyio.sleep(0.01)

    trial = await suffer(
        serving, tmp_path, way, script, timeout_ms=2000, during=look, cut=True, cancel_grace_ms=300
    )
    assert trial.run.state == "timed_out"
    assert len(hidden) == 20


BOMB = "import os, time\nfor _ in range(9):\n    os.fork()\ntime.sleep(4711)"


@pytest.mark.fault(35)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_fork_bomb(serving: Serving, tmp_path: Path, way: Way) -> None:
    script: Script = [{"child": [sys.executable, "-I", "-S", "-c", BOMB]}, {"hang": True}]
    trial = await suffer(
        serving, tmp_path, way, script, options={"resources": {"processes": 50}}, cut=True
    )
    assert (trial.run.state, trial.run.code) == ("failed", "process_limit")
    (over,) = [event for event in trial.of("limit") if event["level"] == "error"]
    assert over["used"] > over["of"] == 50


@pytest.mark.fault(40)
@pytest.mark.parametrize("grandchild", [False, True])
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_memory_over_the_limit(
    serving: Serving, tmp_path: Path, way: Way, grandchild: bool
) -> None:
    script: Script = [{"eat": 400 << 20, "grandchild": grandchild}, {"hang": True}]
    trial = await suffer(
        serving, tmp_path, way, script, options={"resources": {"memoryBytes": 200 << 20}}, cut=True
    )
    assert (trial.run.state, trial.run.code) == ("failed", "memory_limit")


@contextlib.contextmanager
def control_group(controller: str, limit: str, value: int) -> Iterator[Path]:
    """A group of the kernel's, for faults that only the kernel can make."""
    group = Path(f"/sys/fs/cgroup/{controller}/agent-runner-test-{os.getpid()}")
    try:
        group.mkdir()
        (group / limit).write_text(str(value))
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"this machine lets no control group be made: {error}")
    try:
        yield group
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (group.parent / "cgroup.procs").write_text(pid)
        with contextlib.suppress(OSError):
            group.rmdir()


@pytest.mark.fault(41)
async def test_killed_for_the_memory_of_the_machine(serving: Serving, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with control_group("memory", "memory.limit_in_bytes", 60 << 20) as group:
        async with serving() as context:
            agent = await add_agent(context, "worker", "claude-code", tmp_path)
            script: Script = [{"wait": str(gate)}, {"eat": 400 << 20}, {"text": "never"}]
            active = await start(context, agent, script)
            await wait_until(lambda: bool(context.runner.living))
            (group / "cgroup.procs").write_text(str(context.runner.living[0].pid))
            gate.touch()
            outcome = await ended(active)
            assert (outcome.state, outcome.code) == ("failed", "oom_killed")
            assert (await ended(await start(context, agent, "on"))).answer == "echo: on"


@pytest.mark.fault(42)
async def test_no_descriptors_are_left(serving: Serving, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with serving() as context:
        busy = await add_agent(context, "busy", "claude-code", tmp_path)
        fresh = await add_agent(context, "fresh", "claude-code", tmp_path)
        # Nothing is to ask for it meanwhile, and give its descriptors back.
        await context.runner.launcher.version("claude-code")
        here = tmp_path / "here"
        script: Script = [{"touch": str(here)}, {"wait": str(gate)}, {"text": "done"}]
        running = await start(context, busy, script)
        await wait_until(here.exists)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (psutil.Process().num_fds() + 2, hard))
        try:
            outcome = await ended(await start(context, fresh, "hello"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (outcome.state, outcome.code) == ("failed", "spawn_failed")
        assert "Too many open files" in str(outcome.error)
        gate.touch()
        assert (await ended(running)).answer == "done"
        assert (await ended(await start(context, fresh, "hello"))).answer == "echo: hello"


@pytest.mark.fault(43)
@pytest.mark.parametrize("lasts", [False, True], ids=["a moment", "for ever"])
async def test_no_process_can_be_forked(
    serving: Serving, tmp_path: Path, lasts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not lasts:
        # The moment must be over before the last attempt.
        monkeypatch.setattr("agent_runner.process.child.FORK_PAUSE_S", 0.5)
    with control_group("pids", "pids.max", 1) as group:
        async with serving() as context:
            agent = await add_agent(context, "worker", "claude-code", tmp_path)
            # The question for its version, which is asked once, may fail: it would be the one.
            await ended(await start(context, agent, "first"))
            await context.runs.end_session("worker")
            await wait_until(lambda: not context.runner.living)
            (group / "cgroup.procs").write_text(str(context.warden.pid))
            spares = psutil.Process(context.warden.pid).children()
            for spare in spares:
                spare.kill()
            # A keeper whose end is still to come would be taken for one that serves.
            await wait_until(lambda: not any(spare.is_running() for spare in spares))
            active = await start(context, agent, "hello")
            if not lasts:
                await wait_until(lambda: "max 0" not in (group / "pids.events").read_text())
                (group / "pids.max").write_text("max")
            outcome = await ended(active)
            if lasts:
                assert (outcome.state, outcome.code) == ("failed", "spawn_failed")
                assert "temporarily unavailable" in str(outcome.error)
                assert {circuit.failures for circuit in context.circuits.status()} == {1}
            else:
                assert outcome.answer == "echo: hello"


@pytest.mark.fault(44)
async def test_a_pid_that_is_another_process_now(serving: Serving, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "4711"]) as stranger:  # noqa: ASYNC220
        async with serving() as context:
            for number, ticks in enumerate((start_ticks(stranger.pid), 1, None)):
                fields = (f"proc_{number}", "run", "conv", "agent", stranger.pid, ticks)
                await context.store.processes.add(ProcessRecord(*fields, boot_id(), "2026"))
        async with serving() as context:
            assert context.reconciliation.processes_found_dead == 3
            assert await context.store.processes.all() == []
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.fault(45)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_a_stopped_process(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(
        serving,
        tmp_path,
        way,
        [{"text": "begun"}, {"stop": True}],
        options=QUICK_TO_STALL,
        cut=True,
        cancel_grace_ms=300,
    )
    assert (trial.run.state, trial.run.code) == ("timed_out", "stalled")


@pytest.mark.fault(46)
async def test_crash_loop(serving: Serving, tmp_path: Path) -> None:
    async with serving(agent_failures=3) as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        for _ in range(3):
            assert (await ended(await start(context, agent, [{"die": 1}]))).state == "failed"
        with pytest.raises(UnavailableError, match="left alone"):
            await start(context, agent, "hello")
        other = await add_agent(context, "other", "claude-code", tmp_path)
        assert (await ended(await start(context, other, "hello"))).answer == "echo: hello"
