"""The record command, as far as it runs no CLI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from recorder import __main__ as command
from recorder import recording as files
from recorder.__main__ import record_command
from recorder.cases import SUITES, Case
from recorder.driver import CaseError
from recorder.record import Bench, Outcome
from recorder.recording import Command, Recording
from recorder.shape import compare
from typer.testing import CliRunner

APP = typer.Typer()
APP.command()(record_command)
RUNNER = CliRunner()


def run(*args: str) -> tuple[int, str]:
    result = RUNNER.invoke(APP, args)
    return result.exit_code, result.output


def recording(line: bytes, exit: int = 0) -> Recording:  # noqa: A002
    options = {"cwd": "/work/project"}
    argv = ["/opt/cli/claude"]
    told = Command(argv=argv, form="one-shot", options=options, resume=None, steps=[])
    return Recording(command=told, stdin=b"", stdout=line + b"\n", stderr=b"", exit=exit)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Recordings in a folder of the test's own."""
    for function in (files.recorded, files.folder_of):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))
    monkeypatch.setattr(compare, "__defaults__", (tmp_path,))
    return tmp_path


def keep(version: str, case: str, made: Recording) -> Path:
    folder = files.folder_of("claude-code", version, case)
    files.write(folder, made)
    return folder


def test_list() -> None:
    code, out = run("--list", "--json", "--agent", "gemini")
    rows = json.loads(out)
    assert code == 0
    assert {row["agent"] for row in rows} == {"gemini"}
    assert len(rows) == len(SUITES["gemini"].cases)
    assert "cases; * is recorded" in run("--list")[1]


def test_an_unknown_agent() -> None:
    code, out = run("--list", "--agent", "nobody")
    assert code == 2
    assert "no pinned CLI nobody" in out


@pytest.mark.usefixtures("root")
def test_check_then_derive() -> None:
    folder = keep("2.1.332", "text", recording(b'{"type":"keep_alive"}'))
    assert run("--check")[0] == 1
    assert json.loads(run("--events-only", "--json")[1]) == {
        "changed": ["claude-code/2.1.332/text"]
    }
    assert (folder / files.EVENTS).is_file()
    assert run("--check") == (0, "0 events.json are stale\n")
    (folder / files.EVENTS).write_text("[]")
    assert run("--check", "--case", "another")[0] == 0
    code, out = run("--check", "--agent", "claude-code")
    assert code == 1
    assert "stale claude-code/2.1.332/text/events.json" in out


@pytest.mark.usefixtures("root")
def test_diff_tells_a_common_change_once() -> None:
    for number in range(5):
        keep("2.1.197", f"c{number}", recording(b'{"type":"a","old":1}'))
        keep("2.1.332", f"c{number}", recording(b'{"type":"a","new":1}', exit=number // 4))
    code, out = run("--diff", "2.1.197", "2.1.332", "--agent", "claude-code")
    assert code == 0
    assert out.splitlines() == [
        "+ a.new: number  (in 5 cases)",
        "- a.old: number  (in 5 cases)",
        "c4  exit 0 -> 1",
        "5 cases differ in shape between 2.1.197 and 2.1.332",
    ]
    found = json.loads(run("--diff", "2.1.197", "2.1.332", "--agent", "claude-code", "--json")[1])
    assert found[4]["newExit"] == 1
    assert run("--diff", "2.1.197", "2.1.332")[0] == 2


def test_recording_tells_each_case(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def record(bench: Bench, case: Case) -> Outcome:
        if case.name == "unicode":
            raise CaseError("it went wrong")
        made = recording(b'{"type":"keep_alive"}')
        return Outcome(recording=made, survivors=["sleep 61"])

    monkeypatch.setattr(command, "record", record)
    monkeypatch.setattr(command, "install", lambda agent, version: root / "claude")
    monkeypatch.setattr(command, "leave_network", lambda: False)
    code, out = run("--agent", "claude-code", "--case", "text", "--case", "unicode")
    assert code == 1
    assert "no network of its own" in out
    assert "[1/2] claude-code 2.1.332 text  exit 0, 22 bytes" in out
    assert "left behind: sleep 61" in out
    assert "unicode  FAILED: it went wrong" in out
    assert files.recorded("claude-code", "2.1.332") == ["text"]
    code, out = run("--agent", "claude-code", "--case", "unicode", "--json")
    assert json.loads(out)["failed"] == {"claude-code/2.1.332/unicode": "it went wrong"}
    assert run("--agent", "claude-code", "--case", "no-such")[0] == 2
