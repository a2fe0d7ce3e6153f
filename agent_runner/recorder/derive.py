"""`events.json`: what the adapter makes of a recording, kept so that a change shows as a diff."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from agent_runner.agents.base import Exit
from agent_runner.agents.replay_lines import decode_recording
from agent_runner.recorder.recording import EVENTS, read

# Longer strings are stored as length (characters) and SHA-256 (of their UTF-8).
LONG_STRING = 64 * 1024
# As much of stderr as an adapter gets to see at the end.
STDERR_TAIL = 4096


def events_json(agent: str, folder: Path) -> str:
    """The text of `events.json` for the recording in `folder`, from its bytes alone."""
    recording = read(folder)
    command = msgspec.to_builtins(recording.command)
    tail = recording.stderr[-STDERR_TAIL:].decode("utf-8", "replace")
    end = Exit(code=recording.exit, stderr_tail=tail)
    events = decode_recording(agent, command, recording.lines(), end)
    flat = [shorten(msgspec.to_builtins(event)) for event in events]
    return json.dumps(flat, indent=1) + "\n"


def derive(agent: str, folder: Path) -> bool:
    """Write `events.json` anew; True if it changed."""
    text = events_json(agent, folder)
    path = folder / EVENTS
    if path.exists() and path.read_text() == text:
        return False
    path.write_text(text)
    return True


def is_current(agent: str, folder: Path) -> bool:
    """True if `events.json` is what the recording gives now."""
    path = folder / EVENTS
    return path.exists() and path.read_text() == events_json(agent, folder)


def shorten(value: Any) -> Any:
    """`value` with every string over LONG_STRING replaced by its length and hash."""
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        if len(data) <= LONG_STRING:
            return value
        return {"$length": len(value), "$sha256": hashlib.sha256(data).hexdigest()}
    if isinstance(value, dict):
        return {key: shorten(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shorten(item) for item in value]
    return value
