"""The shape of recordings: which message types with which fields, and how a process ended.

Two versions of a CLI are compared by shape, as their words, ids and times always differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from agent_runner.recorder.manifest import FIXTURES
from agent_runner.recorder.recording import folder_of, read, recorded

_MAX_DEPTH = 6
# Objects whose keys are data (model names, tool inputs), not fields.
_OPEN = {
    "args",
    "input",
    "modelUsage",
    "model_usage_since_last_result",
    "models",
    "parameters",
    "tool_input",
    "updatedInput",
}
# A count that happens to be whole is no other type.
_NAMES = {"NoneType": "null", "int": "number", "float": "number"}


class Shape(msgspec.Struct, frozen=True):
    """`fields` holds lines such as `result/success.usage.input_tokens: number`."""

    exit: int
    fields: frozenset[str]


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """What changed in one case between two versions."""

    case: str
    old_exit: int
    new_exit: int
    added: list[str]
    removed: list[str]


def shape(folder: Path) -> Shape:
    """The shape of the recording in `folder`."""
    recording = read(folder)
    fields: set[str] = set()
    for line in recording.lines():
        try:
            message = json.loads(line)
        except ValueError:
            fields.add("(not JSON)")
            continue
        fields.update(_fields(kind(message), message, 0))
    return Shape(recording.exit, frozenset(fields))


def kind(message: Any) -> str:
    """What a message calls itself: `system/init`, or a JSON-RPC method."""
    if not isinstance(message, dict):
        return type(message).__name__
    if "jsonrpc" in message:
        params = message.get("params") or {}
        inner = params.get("update") or params.get("notification") or {}
        name = inner.get("sessionUpdate") or inner.get("type")
        method = str(message.get("method", "response"))
        return f"{method}/{name}" if name else method
    inner = message.get("request") or message.get("response") or {}
    subtype = message.get("subtype") or (inner.get("subtype") if isinstance(inner, dict) else None)
    return f"{message.get('type')}/{subtype}" if subtype else str(message.get("type"))


def compare(agent: str, old: str, new: str, root: Path = FIXTURES) -> list[Difference]:
    """The cases both versions have whose shape or exit code differs."""
    found = []
    for case in sorted(set(recorded(agent, old, root)) & set(recorded(agent, new, root))):
        before = shape(folder_of(agent, old, case, root))
        after = shape(folder_of(agent, new, case, root))
        if before != after:
            added = sorted(after.fields - before.fields)
            removed = sorted(before.fields - after.fields)
            found.append(Difference(case, before.exit, after.exit, added, removed))
    return found


def _fields(path: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        name = path.rsplit(".", 1)[-1]
        if name in _OPEN:
            yield f"{path}: object"
            return
        for key, item in value.items():
            yield from _fields(f"{path}.{key}", item, depth + 1)
    elif isinstance(value, list):
        if not value:
            yield f"{path}[]: empty"
        for item in value:
            yield from _fields(f"{path}[]", item, depth + 1)
    else:
        name = type(value).__name__
        yield f"{path}: {_NAMES.get(name, name)}"
