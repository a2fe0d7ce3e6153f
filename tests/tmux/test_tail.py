"""A transcript that grows, and one that is written anew under the reader's eyes."""

from __future__ import annotations

import json
from pathlib import Path

from agent_runner.tmux.sidecar import Sidecar
from agent_runner.tmux.tail import Tail

LINES = [json.dumps({"n": n}) + "\n" for n in range(4)]


def test_what_is_added(tmp_path: Path) -> None:
    file = tmp_path / "transcript"
    tail = Tail(str(file))
    assert tail.read() == []
    file.write_text(LINES[0] + LINES[1][:4])
    assert tail.read() == [{"n": 0}]
    file.write_text(LINES[0] + LINES[1])
    assert tail.changed()
    assert tail.read() == [{"n": 1}]
    assert not tail.changed()


def test_an_old_line_is_changed(tmp_path: Path) -> None:
    file = tmp_path / "transcript"
    file.write_text("".join(LINES[:2]))
    tail = Tail(str(file), old=True)
    file.write_text(json.dumps({"title": "another"}) + "\n" + "".join(LINES[1:3]))
    assert tail.read() == [{"n": 2}]
    file.write_text("".join(LINES))
    assert tail.read() == [{"n": 3}]


def test_seen_while_it_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "transcript"
    file.write_text("".join(LINES[:3]))
    tail = Tail(str(file))
    assert len(tail.read()) == 3
    for part in ("", LINES[0], "".join(LINES[:2]) + LINES[2][:3]):
        file.write_text(part)
        assert tail.read() == []
    file.write_text("".join(LINES))
    assert tail.read() == [{"n": 3}]


def test_a_file_beside_it(tmp_path: Path) -> None:
    transcript, file = tmp_path / "a.jsonl", tmp_path / "a.settings.json"
    sidecar = Sidecar(str(transcript), ".settings.json", ("tokens", "none"))
    assert sidecar.read() is None
    file.write_text('{"tokens": {"in": 1}, "secret": true}')
    assert sidecar.read() == {"tokens": {"in": 1}}
    assert sidecar.read() is None
    file.write_text('{"tokens": {"in": 2}')
    assert sidecar.read() is None, "half of it"
    file.write_text('{"tokens": {"in": 2}, "more": 1}')
    assert sidecar.read() == {"tokens": {"in": 2}}
    file.write_text('{"tokens": {"in": 2}, "more": 22}')
    assert sidecar.read() is None, "nothing new in it"
