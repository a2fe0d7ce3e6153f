"""Recordings on disk, their events and their shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from recorder import derive as derived
from recorder.recording import Command, Recording, folder_of, read, recorded, write
from recorder.shape import compare, kind, shape


def recording(stdout: bytes = b'{"a":1}\n', exit: int = 0) -> Recording:  # noqa: A002
    command = Command(
        argv=["/opt/cli/x"],
        form="one-shot",
        options={"cwd": "/work/project"},
        resume=None,
        steps=[{"do": "prompt", "text": "hi", "afterLine": 0}],
    )
    return Recording(command=command, stdin=b"hi", stdout=stdout, stderr=b"\xff", exit=exit)


@pytest.mark.parametrize("exit_code", [0, 143, -9])
def test_written_and_read_again(tmp_path: Path, exit_code: int) -> None:
    made = recording(exit=exit_code)
    write(tmp_path / "case", made)
    assert read(tmp_path / "case") == made
    assert (tmp_path / "case" / "exit").read_text() == f"{exit_code}\n"


def test_big_streams_are_packed_the_same_way_each_time(tmp_path: Path) -> None:
    made = recording(stdout=b"0123456789abcdef" * 70_000)
    write(tmp_path / "one", made)
    write(tmp_path / "two", made)
    packed = [(tmp_path / name / "stdout.jsonl.gz").read_bytes() for name in ("one", "two")]
    assert packed[0] == packed[1]
    assert not (tmp_path / "one" / "stdout.jsonl").exists()
    assert read(tmp_path / "one") == made


def test_writing_replaces_the_whole_folder(tmp_path: Path) -> None:
    write(tmp_path / "case", recording(stdout=b"x" * 2_000_000))
    write(tmp_path / "case", recording())
    names = {path.name for path in (tmp_path / "case").iterdir()}
    assert names == {"command", "stdin", "stdout.jsonl", "stderr", "exit"}


def test_lines_are_split_at_newlines_only() -> None:
    made = recording(stdout="a\u2028b\r\nc\n\nlast".encode())
    assert made.lines() == ["a\u2028b\r".encode(), b"c", b"", b"last"]


def test_events_are_derived_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def decode(agent: str, command: Any, lines: list[bytes], end: Any) -> list[Any]:
        seen.append((agent, command["form"], lines, end.code, end.stderr_tail))
        return [{"type": "x"}]

    monkeypatch.setattr(derived, "decode_recording", decode)
    write(tmp_path, recording(exit=3))
    assert derived.is_current("a", tmp_path) is False
    assert derived.derive("a", tmp_path) is True
    assert derived.derive("a", tmp_path) is False
    assert derived.is_current("a", tmp_path) is True
    assert seen[0] == ("a", "one-shot", [b'{"a":1}'], 3, "\ufffd")
    assert json.loads((tmp_path / "events.json").read_text()) == [{"type": "x"}]


def test_long_strings_become_length_and_hash() -> None:
    short = derived.shorten({"a": ["é" * 100_000, "é"], "n": 1})
    assert short["a"][0]["$length"] == 100_000
    assert len(short["a"][0]["$sha256"]) == 64
    assert (short["a"][1], short["n"]) == ("é", 1)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ({"type": "system", "subtype": "init"}, "system/init"),
        ({"type": "assistant"}, "assistant"),
        (
            {"type": "control_request", "request": {"subtype": "interrupt"}},
            "control_request/interrupt",
        ),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, "response"),
        (
            {
                "jsonrpc": "2.0",
                "method": "session/update",
                "params": {"update": {"sessionUpdate": "tool_call"}},
            },
            "session/update/tool_call",
        ),
        (
            {
                "jsonrpc": "2.0",
                "method": "droid.session_notification",
                "params": {"notification": {"type": "error"}},
            },
            "droid.session_notification/error",
        ),
        (["x"], "list"),
    ],
)
def test_kinds(message: Any, name: str) -> None:
    assert kind(message) == name


def test_shapes_are_compared(tmp_path: Path) -> None:
    old = b'{"type":"a","n":1,"input":{"path":"x"}}\nnot json\n'
    new = b'{"type":"a","n":"1","input":{"other":"x"},"list":[{"k":null}]}\n'
    write(folder_of("cli", "1", "same", tmp_path), recording(old))
    write(folder_of("cli", "2", "same", tmp_path), recording(old.replace(b":1", b":2")))
    write(folder_of("cli", "1", "text", tmp_path), recording(old))
    write(folder_of("cli", "2", "text", tmp_path), recording(new, exit=1))
    write(folder_of("cli", "2", "only-new", tmp_path), recording(new))
    assert recorded("cli", "2", tmp_path) == ["only-new", "same", "text"]
    (found,) = compare("cli", "1", "2", tmp_path)
    assert (found.case, found.old_exit, found.new_exit) == ("text", 0, 1)
    assert found.added == ["a.list[].k: null", "a.n: str"]
    assert found.removed == ["(not JSON)", "a.n: number"]
    assert "a.input: object" in shape(folder_of("cli", "1", "text", tmp_path)).fields
