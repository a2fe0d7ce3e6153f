"""Faults 20 and 22 to 32: how a CLI ends, or does not, and what its pipes do meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from agent_runner.api.context import Context
from agent_runner.plain_text import clean
from agent_runner.runs.active import ActiveRun
from tests.conftest import ModuleService, Script, Service, Serving
from tests.helpers.frames import replayed, seq_of
from tests.helpers.rows import plain
from tests.helpers.trial import (
    CLAUDE,
    DROID,
    EVERY_WAY,
    GEMINI,
    ONCE,
    ONE_WAY_EACH,
    WARM,
    Way,
    ended,
    suffer,
    until,
    wait_until,
)

pytestmark = pytest.mark.anyio

# A warm CLI gets its prompt once it has answered the handshake.
HANDSHAKE_LINES = {CLAUDE: 0, DROID: 1, GEMINI: 2}
FLOOD = (
    {"delta": 1_000_000, "event": 1_000_000}
    if os.environ.get("FULL_SIZE")
    else {"delta": 50_000, "event": 5_000}
)
LONG_PROMPT = "x" * 1_000_000
"""More than a pipe holds."""


def pids_in(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()]


def lives(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


@pytest.mark.fault(20)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_exit_0_without_a_result(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(serving, tmp_path, way, [{"text": "almost"}, {"die": 0}])
    assert (trial.run.state, trial.run.code) == ("failed", "no_result")
    assert trial.run.exit_code == 0


@pytest.mark.fault(22)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_result_then_an_exit_code(serving: Serving, tmp_path: Path, way: Way) -> None:
    script: Script = [{"text": "kept"}, {"result": True}, {"die": 3}]
    trial = await suffer(serving, tmp_path, way, script)
    assert (trial.run.state, trial.answer) == ("succeeded", "kept")
    if not way.warm:
        assert trial.run.exit_code == 3


@pytest.mark.fault(23)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_two_results(serving: Serving, tmp_path: Path, way: Way) -> None:
    results: Script = [{"result": "first"}, {"result": "second"}]
    script: Script = [{"text": "first"}, {"at_once": results}]
    trial = await suffer(serving, tmp_path, way, script)
    assert (trial.run.state, trial.answer) == ("succeeded", "first")


LATE: Script = [{"late": "too late"}, {"text": "in time"}, {"result": True}, {"die": 0}]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of a service that waits for what is late even on a machine that is held up."""
    monkeypatch.setattr("agent_runner.runners.stdout.QUIET_S", 10)
    return {"cancel_grace_ms": 10_000}


@pytest.mark.fault(24)
@pytest.mark.parametrize("way", ONCE)
async def test_output_after_the_exit(
    serving: Serving, tmp_path: Path, way: Way, patient: dict[str, Any]
) -> None:
    trial = await suffer(serving, tmp_path, way, LATE, **patient)
    assert (trial.run.state, trial.answer) == ("succeeded", "in time")
    assert trial.raw.endswith(b"too late\n"), trial.stderr


@pytest.mark.fault(24)
@pytest.mark.parametrize("way", WARM)
async def test_output_after_the_result(serving: Serving, tmp_path: Path, way: Way) -> None:
    gate = tmp_path / "gate"

    async def late(context: Context, active: ActiveRun) -> None:
        await ended(active)
        gate.touch()
        raw = context.settings.state_dir / "raw" / f"{active.run_id}.stdout"
        await until(lambda: raw.read_bytes().endswith(b"too late\n"))

    script: Script = [{"late": "too late", "after": str(gate)}, *LATE[1:]]
    trial = await suffer(serving, tmp_path, way, script, during=late)
    assert (trial.run.state, trial.answer) == ("succeeded", "in time")
    assert trial.events[-1]["type"] == "run.finished"


@pytest.mark.fault(24)
@pytest.mark.parametrize("way", ONCE)
async def test_output_after_a_cancel(
    serving: Serving, tmp_path: Path, way: Way, patient: dict[str, Any]
) -> None:
    here = tmp_path / "here"

    async def cancel(context: Context, active: ActiveRun) -> None:
        await until(here.exists)
        await context.runs.cancel("patient", None)

    script: Script = [{"late": "after the cancel"}, {"touch": str(here)}, {"hang": True}]
    trial = await suffer(serving, tmp_path, way, script, during=cancel, **patient)
    assert (trial.run.state, trial.run.code) == ("cancelled", "cancelled")
    assert trial.raw.endswith(b"after the cancel\n"), trial.stderr


@pytest.mark.fault(25)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_stderr_flood(serving: Serving, tmp_path: Path, way: Way) -> None:
    length = 5_000_000
    script: Script = [{"stderr_flood": length}, {"stderr": "\nError: at last\n"}, {"die": 9}]
    trial = await suffer(serving, tmp_path, way, script)
    assert (trial.run.state, trial.run.exit_code) == ("failed", 9)
    assert trial.run.error == "Error: at last", "the end of stderr is what counts"
    assert len(trial.stderr) == length + len("\nError: at last\n")


@pytest.mark.fault(26)
@pytest.mark.parametrize("way", WARM)
async def test_stdout_closed_but_alive(
    serving: Serving, tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_runner.runners.cli_process.EXIT_GRACE_S", 0.2)
    script: Script = [{"text": "x"}, {"ignore_term": True}, {"close_stdout": True}, {"hang": True}]
    trial = await suffer(serving, tmp_path, way, script, cancel_grace_ms=200)
    assert (trial.run.state, trial.run.code) == ("failed", "cli_killed")


@pytest.mark.fault(27)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_a_grandchild_holds_stdout(serving: Serving, tmp_path: Path, way: Way) -> None:
    pids = tmp_path / "pids"
    holder = {"fork": 1, "hold": True, "setsid": 1, "ignore_term": True, "pids": str(pids)}
    trial = await suffer(
        serving, tmp_path, way, [holder, {"text": "x"}, {"die": 0}], cancel_grace_ms=200
    )
    assert (trial.run.state, trial.run.code) == ("failed", "no_result")
    assert not any(lives(pid) for pid in pids_in(pids))


def never_reads(way: Way) -> dict[str, str]:
    """The environment of a CLI that does not read its prompt."""
    start = {"stop_reading": HANDSHAKE_LINES[way]} if way.warm else {"hang": True}
    return {"SCRIPTED_START": json.dumps([start])}


@pytest.mark.fault(28)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_stdin_is_never_read(
    serving: Serving, tmp_path: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_runner.runners.outbox.WRITE_TIMEOUT_S", 0.1)
    trial = await suffer(serving, tmp_path, way, LONG_PROMPT, env=never_reads(way))
    assert (trial.run.state, trial.run.code) == ("failed", "not_reading")
    assert trial.answer is None


@pytest.mark.fault(28)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_stdin_is_never_read_and_the_time_is_over(
    serving: Serving, tmp_path: Path, way: Way
) -> None:
    env = never_reads(way)
    trial = await suffer(
        serving, tmp_path, way, LONG_PROMPT, env=env, timeout_ms=200, cancel_grace_ms=200
    )
    assert (trial.run.state, trial.run.code) == ("timed_out", "timed_out")


@pytest.mark.fault(29)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_exit_before_stdin_is_read(serving: Serving, tmp_path: Path, way: Way) -> None:
    env = {"SCRIPTED_START": json.dumps([{"stderr": "Error: no mood\n"}, {"die": 3}])}
    trial = await suffer(serving, tmp_path, way, LONG_PROMPT, env=env)
    assert (trial.run.state, trial.run.exit_code) == ("failed", 3)
    assert trial.run.error == "Error: no mood"


@pytest.mark.fault(30)
@pytest.mark.parametrize("way", ONCE)
async def test_the_cli_waits_for_the_end_of_stdin(
    serving: Serving, tmp_path: Path, way: Way
) -> None:
    """Gemini and Droid read their prompt to its end; Claude leaves only when stdin ends."""
    trial = await suffer(serving, tmp_path, way, "hello")
    assert (trial.run.state, trial.answer) == ("succeeded", "echo: hello")
    assert trial.run.exit_code == 0


@pytest.mark.fault(31)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_terminal_controls_in_text(serving: Serving, tmp_path: Path, way: Way) -> None:
    evil = "\x1b]52;c;cHduZWQ=\x07\x1b[2J\x9b31m\x7f\u202e ok"
    trial = await suffer(serving, tmp_path, way, [{"tool": "Bash", "output": evil}, {"text": evil}])
    assert (trial.run.state, trial.answer) == ("succeeded", evil)
    assert [event["output"] for event in trial.of("tool.completed")] == [evil]
    assert b"\x1b" not in trial.replayed
    assert b"\x07" not in trial.replayed
    assert not set("\x1b\x07\x9b\x7f\u202e") & set(clean(evil))


@pytest.fixture(scope="module")
def flooded(module_service: ModuleService) -> Service:
    service = module_service(line_bytes=64 << 20)
    service.register("other")
    return service


@pytest.mark.fault(32)
@pytest.mark.parametrize("kind", ["delta", "event"])
@pytest.mark.parametrize("agent_type", ["claude-code", "gemini", "factory-droid"])
def test_a_flood_of_tiny_events(flooded: Service, agent_type: str, kind: str) -> None:
    """It is stored whole and costs little memory."""
    agent, count = f"{agent_type}-{kind}", FLOOD[kind]
    flooded.register(agent, type=agent_type)
    assert flooded.run("warm up", agent).json()["success"]
    flooded.reset_peak()
    before = flooded.memory("VmRSS")
    script: Script = [{"flood": count, "of": kind}, {"tool": "Bash"}, {"text": "fine"}]
    run = flooded.run(script, agent).json()
    assert (run["success"], run["content"]) == (True, "fine")
    text = 16 * count if kind == "delta" else 0
    assert flooded.memory("VmHWM") - before <= (32 << 20) + 4 * text
    if kind == "event":
        conversation = run["conversationId"]
        with flooded.client() as client:
            page = client.get(f"/conversations/{conversation}").json()
            last = page["conversation"]["lastEventSeq"]
            events = replayed(client, conversation, last)
        assert [seq_of(event) for event in events] == list(range(1, last + 1))
        assert sum(b"\nevent: unknown\n" in event[:60] for event in events) == count


@pytest.mark.fault(32)
@pytest.mark.parametrize("kind", ["delta", "event"])
def test_an_endless_flood_holds_up_nobody(flooded: Service, tmp_path: Path, kind: str) -> None:
    agent, here = f"endless-{kind}", tmp_path / "here"
    flooded.register(agent)
    endless: Script = [{"touch": str(here)}, {"flood": 0, "of": kind}]
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(flooded.run(endless, agent)))
    thread.start()
    wait_until(here.exists)
    assert flooded.run("calm", "other").json()["content"] == "echo: calm"
    with flooded.client() as client:
        assert client.post(f"/agents/{agent}/execute/cancel", json={}).status_code == 202
    thread.join(30)
    assert answers[0].json()["status"] == "cancelled"


@pytest.mark.fault(32)
def test_what_cannot_be_stored_holds_the_cli_back(flooded: Service, tmp_path: Path) -> None:
    """While another program holds the database, a flood waits in the CLI and not in memory."""
    here, go, swallowed = tmp_path / "here", tmp_path / "go", tmp_path / "swallowed"
    printed = tmp_path / "printed"
    flooded.register("held", env={"SCRIPTED_COPY": str(printed)})
    script: Script = [
        {"touch": str(here)},
        {"wait": str(go)},
        {"flood": 300_000, "of": "event"},
        {"touch": str(swallowed)},
        {"hang": True},
    ]
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(flooded.run(script, "held")))
    thread.start()
    wait_until(here.exists)
    quiet = printed.stat().st_size
    with flooded.client() as client:

        def held_back() -> bool:
            before = printed.stat().st_size
            for _ in range(20):
                assert client.get("/health").status_code == 200
            return before == printed.stat().st_size > quiet

        with plain(flooded.state_dir / "agent-runner.db") as other:
            other.execute("BEGIN IMMEDIATE")
            go.touch()
            wait_until(lambda: swallowed.exists() or held_back())
            assert not swallowed.exists()
        assert client.post("/agents/held/execute/cancel", json={}).status_code == 202
    thread.join(30)
    assert answers[0].json()["status"] == "cancelled"
