"""What the agent does: tool calls and changed files."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from agent_runner.events.base import AgentEvent

ToolStatus = Literal["completed", "failed", "denied"]


class ToolInputDelta(AgentEvent, frozen=True, kw_only=True, tag="tool.input.delta"):
    """More of a tool call's input as the model writes it: a piece of JSON text."""

    ephemeral: ClassVar[bool] = True
    work: ClassVar[bool] = True
    tool_call_id: str
    name: str
    json: str
    parent_tool_call_id: str | None = None


class ToolStarted(AgentEvent, frozen=True, kw_only=True, tag="tool.started"):
    """The agent calls a tool. `kind` is ACP's: read, edit, execute, ..."""

    deed: ClassVar[bool] = True
    fruit: ClassVar[bool] = True
    work: ClassVar[bool] = True
    recovered: ClassVar[bool] = True
    tool_call_id: str
    name: str
    input: dict[str, Any]
    title: str | None = None
    kind: str | None = None
    parent_tool_call_id: str | None = None


class ToolProgress(AgentEvent, frozen=True, kw_only=True, tag="tool.progress"):
    """A running tool says how far it is."""

    ephemeral: ClassVar[bool] = True
    work: ClassVar[bool] = True
    tool_call_id: str
    text: str = ""
    elapsed_ms: int | None = None


class ToolCompleted(AgentEvent, frozen=True, kw_only=True, tag="tool.completed"):
    """A tool call is over. A failed tool is not a failed run.

    `truncated` tells that `output` is only its beginning: the line was over the limit, or
    damaged. Its bytes are in the run's raw log.
    """

    deed: ClassVar[bool] = True
    fruit: ClassVar[bool] = True
    work: ClassVar[bool] = True
    recovered: ClassVar[bool] = True
    tool_call_id: str
    status: ToolStatus
    output: Any = None
    error: str | None = None
    name: str | None = None
    truncated: bool = False


class FileChanged(AgentEvent, frozen=True, kw_only=True, tag="file.changed"):
    """A tool wrote to a file, as the CLI reports it."""

    deed: ClassVar[bool] = True
    fruit: ClassVar[bool] = True
    work: ClassVar[bool] = True
    recovered: ClassVar[bool] = True
    path: str
    change: Literal["created", "modified", "deleted", "unknown"]
    tool_call_id: str | None = None
