"""Which of Droid's tools write files, and which file a call wrote."""

from __future__ import annotations

import re
from typing import Literal

from agent_runner.events.tool import FileChanged, ToolStarted

KINDS = {
    "Execute": "execute",
    "Read": "read",
    "LS": "search",
    "Grep": "search",
    "Glob": "search",
    "Create": "edit",
    "Edit": "edit",
    "MultiEdit": "edit",
    "ApplyPatch": "edit",
    "FetchUrl": "fetch",
    "WebSearch": "fetch",
    "Task": "think",
}

_CHANGES: dict[str, Literal["created", "modified", "deleted"]] = {
    "Add": "created",
    "Update": "modified",
    "Delete": "deleted",
}
_PATCHED = re.compile(r"^\*\*\* (Add|Update|Delete) File: (.+)$", re.MULTILINE)


def changed_files(started: ToolStarted | None) -> list[FileChanged]:
    """The files that a completed call of `started` wrote."""
    if started is None or started.name not in ("Create", "Edit", "MultiEdit", "ApplyPatch"):
        return []
    call_id = started.tool_call_id
    path = started.input.get("file_path")
    if isinstance(path, str):
        change: Literal["created", "modified"] = (
            "created" if started.name == "Create" else "modified"
        )
        return [FileChanged(path=path, change=change, tool_call_id=call_id)]
    patch = started.input.get("patch") or started.input.get("input")
    if not isinstance(patch, str):
        return []
    return [
        FileChanged(path=name.strip(), change=_CHANGES[verb], tool_call_id=call_id)
        for verb, name in _PATCHED.findall(patch)
    ]
