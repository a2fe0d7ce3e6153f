"""A program that an installer is just putting in its place, and one that will not come."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_runner.runs import attempts
from conversation_store.records import RunOutcome
from tests.conftest import Serving
from tests.runs.test_service import add_agent, begun_of, ended, events_of, run, start

pytestmark = pytest.mark.anyio

SWAPS: dict[str, Callable[[Path], None]] = {
    "absent": lambda path: None,
    "empty": lambda path: path.touch(0o755),
    "dangling": lambda path: path.symlink_to(path.with_name("nothing")),
    "not executable": lambda path: path.touch(0o644),
    "no program": lambda path: made(path, b"\x7fno program\0"),
    "half of an ELF file": lambda path: half(path),
    "an interpreter that is not there": lambda path: made(path, b"#!/nonexistent/node\n"),
}


def made(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o755)


def half(path: Path) -> None:
    """The beginning of a program: its head tells of more than there is."""
    data = bytearray(64)
    data[:7] = b"\x7fELF\x02\x01\x01"
    struct.pack_into("<Q", data, 0x28, 1 << 20)
    struct.pack_into("<HH", data, 0x3A, 64, 30)
    made(path, bytes(data) + b"\0" * 1000)


def put(program: Path, fake: Path) -> None:
    """As an installer does it: whole at once."""
    new = program.with_name("new")
    shutil.copy2(fake, new)
    new.replace(program)


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
async def test_a_swap_is_waited_for(
    serving: Serving,
    tmp_path: Path,
    fake_claude: Path,
    monkeypatch: pytest.MonkeyPatch,
    swap: Callable[[Path], None],
) -> None:
    """The program comes while it is tried again: the run does not notice."""
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    swap(program)
    tried = anyio.Event()
    real = attempts.Attempts._begun

    async def begun(self: Any, *arguments: Any) -> Any:
        try:
            return await real(self, *arguments)
        except Exception:
            tried.set()
            raise

    monkeypatch.setattr(attempts.Attempts, "_begun", begun)
    monkeypatch.setattr(attempts, "LAUNCH_PATIENCE_S", 30.0)
    async with serving() as context:
        context.settings.programs["claude-code"] = str(program)
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, "hello")
        with anyio.fail_after(20):
            await tried.wait()
        put(program, fake_claude)
        outcome = await ended(active)
        assert (outcome.state, outcome.answer) == ("succeeded", "echo: hello")
        notices = [json.loads(event.payload) for event in await events_of(context, active.run_id)]
        assert [e["code"] for e in notices if e["type"] == "notice"] == ["cli_awaited"]


async def test_a_program_in_path_that_was_there_before(
    serving: Serving, tmp_path: Path, fake_claude: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    put(folder / "claude", fake_claude)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(attempts, "LAUNCH_PATIENCE_S", 0.0)
    async with serving(warm_processes=0) as context:
        del context.settings.programs["claude-code"]
        agent = await add_agent(context, tmp_path)
        assert (await run(context, agent, "one")).state == "succeeded"
        (folder / "claude").unlink()
        outcome = await run(context, agent, "two")
        assert outcome.code == "cli_not_found"
        assert "was there before" in (outcome.error or "")
        assert "npm install" in (outcome.hint or "")
        assert "update" in (outcome.hint or "")
        (folder / "claude").symlink_to(tmp_path / "gone")
        outcome = await run(context, agent, "three")
        assert str(tmp_path / "gone") in (outcome.error or "")


@pytest.mark.parametrize(
    ("name", "code", "error", "hint"),
    [
        ("absent", "cli_not_found", "no file that can be run", "npm install"),
        ("empty", "spawn_failed", "an empty file", "update"),
        ("dangling", "cli_not_found", "is a link to", "update"),
        ("not executable", "cli_not_found", "may not be executed", "chmod"),
        ("no program", "spawn_failed", "no whole program", "another machine"),
        ("half of an ELF file", "spawn_failed", "no whole program", "update"),
        ("an interpreter that is not there", "spawn_failed", "/nonexistent/node", "PATH"),
    ],
)
async def test_each_has_its_own_words(
    serving: Serving,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    code: str,
    error: str,
    hint: str,
) -> None:
    monkeypatch.setattr(attempts, "LAUNCH_PATIENCE_S", 0.0)
    program = tmp_path / "claude"
    SWAPS[name](program)
    async with serving() as context:
        context.settings.programs["claude-code"] = str(program)
        outcome = await run(context, await add_agent(context, tmp_path), "hello")
        assert (outcome.state, outcome.code) == ("failed", code)
        assert error in (outcome.error or "")
        assert hint in (outcome.hint or "")


async def test_a_program_that_is_being_written(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LAUNCH_PATIENCE_S", 0.0)
    program = tmp_path / "claude"
    shutil.copy2("/bin/true", program)
    with program.open("ab"):
        async with serving() as context:
            context.settings.programs["claude-code"] = str(program)
            outcome = await run(context, await add_agent(context, tmp_path), "hello")
    assert outcome.code == "spawn_failed"
    assert "is being written" in (outcome.error or "")
    assert "when it is over" in (outcome.hint or "")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("No version is set for command claude", "version"),
        (
            "mise ERROR claude is not a valid shim. This likely means you uninstalled a tool",
            "version",
        ),
        ("Error: claude native binary not installed.", "anew"),
    ],
)
@pytest.mark.parametrize("agent_type", ["claude-code", "gemini", "factory-droid"])
async def test_a_program_that_only_stands_for_another(
    serving: Serving, tmp_path: Path, text: str, hint: str, agent_type: str
) -> None:
    program = tmp_path / "stub"
    program.write_text(f'#!/bin/sh\necho "{text}" >&2\nexit 1\n')
    program.chmod(0o755)
    async with serving() as context:
        context.settings.programs[agent_type] = str(program)
        agent = await context.store.agents.add(
            "stub",
            agent_type=agent_type,
            comm_mode="headless",
            options={"cwd": str(tmp_path)},
            now="2026-01-01T00:00:00.000Z",
        )
        outcome = await run(context, agent, "hello")
    assert (outcome.code, outcome.error) == ("cli_not_found", text)
    assert hint in (outcome.hint or "")


def versioned(path: Path, fake: Path, version: str) -> None:
    """The scripted CLI, of another version, as an installer puts it there."""
    new = path.with_name("new")
    lines = ("#!/bin/sh", f"export SCRIPTED_VERSION={version}", f'exec {fake} "$@"')
    new.write_text("\n".join(lines) + "\n")
    new.chmod(0o755)
    new.replace(path)


async def notices(context: Any, outcome: RunOutcome, run_id: str) -> list[str]:
    assert outcome.state == "succeeded"
    events = [json.loads(event.payload) for event in await events_of(context, run_id)]
    return [event["code"] for event in events if event["type"] == "notice"]


async def test_a_version_that_changes_within_a_conversation_is_noted(
    serving: Serving, tmp_path: Path, fake_claude: Path
) -> None:
    program = tmp_path / "claude"
    versioned(program, fake_claude, "9.9.9")
    async with serving() as context:
        context.settings.programs["claude-code"] = str(program)
        agent = await add_agent(context, tmp_path)
        found: list[list[str]] = []
        pid = 0
        for step in range(5):
            if step == 2:
                versioned(program, fake_claude, "10.0.0")
            if step == 4:
                os.kill(pid, signal.SIGKILL)
            active = await start(context, agent, f"step {step}")
            found.append(await notices(context, await ended(active), active.run_id))
            pid = (await begun_of(context, active.run_id))["pid"]
    assert found == [[], [], ["cli_updated"], [], ["cli_version_changed"]]
