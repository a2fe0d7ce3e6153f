"""What Codex tells of its tool calls, as events are made of it; the same in all its forms."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

from agent_runner.agents.codex.tools import COMMAND, KINDS, PATCH
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.decoding.decode import plain
from agent_runner.decoding.fit import words_of
from agent_runner.events.base import AgentEvent
from agent_runner.events.tool import FileChanged, ToolStarted

_SHELL_WORDS = 3

Change = Literal["created", "modified", "deleted", "unknown"]
_CHANGES: dict[str, Change] = {"add": "created", "update": "modified", "delete": "deleted"}


def script_of(command: str) -> str:
    """The script that a shell is given, without the shell: `/bin/bash -lc 'echo hi'`."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    if len(words) == _SHELL_WORDS and words[1] in ("-c", "-lc"):
        return words[2]
    return command


def command_call(call_id: str, command: str, cwd: str | None = None) -> ToolStarted:
    """A command; `cwd` is where it runs, if that is told."""
    given = {"command": script_of(command)}
    if cwd is not None:
        given["cwd"] = cwd
    return ToolStarted(tool_call_id=call_id, name=COMMAND, input=given, kind=KINDS[COMMAND])


def patch_call(call_id: str, changes: Iterable[Mapping[str, Any]]) -> ToolStarted:
    """A change of files: `changes` are {path, kind, diff}."""
    listed = [dict(change) for change in changes]
    given = {"paths": [change.get("path") for change in listed], "changes": plain(listed)}
    return ToolStarted(tool_call_id=call_id, name=PATCH, input=given, kind=KINDS[PATCH])


def mcp_call(call_id: str, server: str, tool: str, arguments: Any) -> ToolStarted:
    """A call of an MCP server's tool."""
    given = plain(arguments) if isinstance(arguments, dict) else {}
    return ToolStarted(tool_call_id=call_id, name=f"mcp__{server}__{tool}", input=given)


def changed_files(call_id: str, changes: Iterable[Mapping[str, Any]]) -> list[FileChanged]:
    """The files that a completed change wrote."""
    return [
        FileChanged(path=change["path"], change=_change(change.get("kind")), tool_call_id=call_id)
        for change in changes
        if isinstance(change.get("path"), str)
    ]


def _change(kind: Any) -> Change:
    name = kind.get("type") if isinstance(kind, dict) else kind
    return _CHANGES.get(name, "unknown") if isinstance(name, str) else "unknown"


class Ended(Protocol):
    """What the end of a call holds in every form."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def status(self) -> str | None: ...  # noqa: D102

    @property
    def result(self) -> Any: ...  # noqa: D102

    @property
    def error(self) -> Any: ...  # noqa: D102


def end_call(
    session: ProtocolBase,
    item: Ended,
    *,
    is_mcp: bool,
    output: str | None,
    exit_code: float | None,
    changes: Iterable[Mapping[str, Any]],
) -> list[AgentEvent]:
    """The end of a call; one of an MCP server's tool has its result and its error in the item."""
    shown: Any = output
    error = failure_of(item.status, output, exit_code)
    if is_mcp:
        shown, error = item.result, words_of(item.error) or error
    return session.end_tool(
        item.id,
        failed=error is not None,
        output=shown if error is None else None,
        error=error,
        changed=changed_files(item.id, changes),
    )


def failure_of(status: str | None, output: str | None, exit_code: float | None) -> str | None:
    """Why a call failed: what it printed, say, or its exit code; None if it did not."""
    if status == "declined":
        return "the call was declined"
    if status != "failed":
        return None
    text = (output or "").strip()
    if text:
        return text
    return "the call failed" if exit_code is None else f"exit code {exit_code:.0f}"
