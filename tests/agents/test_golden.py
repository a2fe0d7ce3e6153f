"""Every recording of a real CLI, decoded again: the events are those that were kept."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent_runner import wire
from agent_runner.agents.base import Exit
from agent_runner.agents.replay.lines import decode_recording
from agent_runner.decoding.decode import Drift
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import ParseError, Unknown
from agent_runner.events.message import TurnCompleted

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = sorted(path.parent for path in FIXTURES.glob("*/*/*/command"))
STDERR_TAIL = 4096
LONG = 64 * 1024


def case_id(folder: Path) -> str:
    return "-".join(folder.parts[-3:])


def stdout_of(folder: Path) -> bytes:
    packed = folder / "stdout.jsonl.gz"
    if packed.exists():
        return gzip.decompress(packed.read_bytes())
    return (folder / "stdout.jsonl").read_bytes()


def lines_of(folder: Path) -> list[bytes]:
    lines = stdout_of(folder).split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def decode(folder: Path, drift: Drift | None = None) -> list[AgentEvent]:
    command = json.loads((folder / "command").read_bytes())
    stderr = (folder / "stderr").read_bytes()[-STDERR_TAIL:].decode("utf-8", "replace")
    end = Exit(code=int((folder / "exit").read_text()), stderr_tail=stderr)
    return decode_recording(folder.parts[-3], command, lines_of(folder), end, drift)


def shortened(value: Any) -> Any:
    """As the recorder keeps it: a long string is its length and hash."""
    if isinstance(value, str) and len(value.encode()) > LONG:
        return {"$length": len(value), "$sha256": hashlib.sha256(value.encode()).hexdigest()}
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value]
    return value


@pytest.mark.parametrize("folder", CASES, ids=case_id)
def test_a_recording_decodes_to_its_events(folder: Path) -> None:
    events = decode(folder)
    kept = json.loads((folder / "events.json").read_bytes())
    assert [shortened(msgspec.to_builtins(event)) for event in events] == kept


@pytest.mark.parametrize("folder", CASES, ids=case_id)
def test_a_recording_is_understood_and_ended(folder: Path) -> None:
    drift = Drift()
    events = decode(folder, drift)
    assert drift == {}
    assert not [event for event in events if isinstance(event, Unknown)]
    # The only broken line there may be is the last one of a CLI that ended in the middle of it.
    stdout = stdout_of(folder)
    cut = bool(stdout) and not stdout.endswith(b"\n")
    assert sum(isinstance(event, ParseError) for event in events) == cut
    command = json.loads((folder / "command").read_bytes())
    prompts = sum(step["do"] == "prompt" for step in command["steps"])
    verdicts = [e for e in events if isinstance(e, TurnCompleted) and not e.unsolicited]
    assert not cut or not verdicts[-1].ok
    # Prompts that wait in a process that ends are all answered by its one last verdict.
    assert len(verdicts) == prompts or (verdicts and not verdicts[-1].ok)
    for event in events:
        wire.encode(event)
        if isinstance(event, TurnCompleted):
            assert event.ok == (event.code is None) == (event.error is None)
