"""What an ACP tool call is called, works on, printed and changed."""

from __future__ import annotations

import re
from typing import Any, Literal

from agent_runner.agents.acp.schema import ToolCall
from agent_runner.agents.tool_calls import paths_of
from agent_runner.decoding.decode import plain
from agent_runner.events.tool import FileChanged, ToolStarted

# Gemini's ids begin with the tool's name: `write_file-1763690000000-0`, `write_file__abc`.
_NAMED_ID = re.compile(r"([a-z][a-z_]*[a-z])(?:-\d|__)")


def tool_name(call: ToolCall) -> str:
    """The tool's name, which the protocol does not tell: from the id, or else the kind."""
    named = _NAMED_ID.match(call.toolCallId)
    return named[1] if named else call.kind or "tool"


def tool_input(call: ToolCall) -> dict[str, Any]:
    """The raw input, or what the call shows in its place: paths and diffs."""
    if isinstance(call.rawInput, dict):
        return dict(plain(call.rawInput))
    shown: dict[str, Any] = {}
    if call.title:
        shown["title"] = call.title
    if call.locations:
        shown["paths"] = [location.path for location in call.locations]
    diffs = [
        {"path": item.path, "oldText": item.oldText, "newText": plain(item.newText)}
        for item in call.content or ()
        if item.type == "diff"
    ]
    if diffs:
        shown["diffs"] = diffs
    return shown


def output_text(call: ToolCall) -> str | None:
    """The text a call shows, without diffs; None if there is none."""
    texts = [
        item.content.text
        for item in call.content or ()
        if item.content is not None and item.content.text is not None
    ]
    return "\n".join(texts) if texts else None


def changed_files(call: ToolCall, started: ToolStarted) -> list[FileChanged]:
    """The files of the call's diffs, or else the places an edit, delete or move worked on."""
    changes: dict[str, Literal["created", "modified", "deleted", "unknown"]] = {}
    for item in call.content or ():
        if item.type == "diff" and item.path:
            changes[item.path] = "modified" if item.oldText else "created"
    kind = call.kind or started.kind
    if not changes and kind in ("edit", "delete", "move"):
        paths = [location.path for location in call.locations or ()]
        for path in paths or started.input.get("paths") or paths_of(started.input):
            changes[path] = "deleted" if kind == "delete" else "unknown"
    return [
        FileChanged(path=path, change=change, tool_call_id=call.toolCallId)
        for path, change in changes.items()
    ]
