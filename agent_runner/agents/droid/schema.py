"""Factory Droid's `-o stream-json` lines, in both dialects.

"Own": recorded from 0.215.0: `system/init`, `message`, `reasoning`, `tool_call`,
`tool_result`, `error`, `completion`. Messages are whole; on failure there is no completion.
"Claude-like": reported of 0.150: `system/init`, `assistant`, `user`, `result` (not seen).
The types do not clash, so one table reads both, and also a mixture.
"""

from __future__ import annotations

from typing import Any

from agent_runner.agents.claude.schema import Assistant, User
from agent_runner.decoding.decode import Family, Line


class Init(Line):
    """The session's state. `tools` are all known ones, not the allowed ones."""

    type: Any = None
    subtype: Any = None
    session_id: str | None = None
    cwd: str | None = None
    model: str | None = None
    reasoning_effort: Any = None
    tools: list[str] | None = None
    version: Any = None
    uuid: Any = None


class Message(Line, tag_field="type", tag="message"):
    """A whole message; `role` user repeats the prompt."""

    text: str
    role: str | None = None
    id: str | None = None
    timestamp: Any = None
    session_id: Any = None


class Reasoning(Line, tag_field="type", tag="reasoning"):
    """A whole block of thinking."""

    text: str
    id: str | None = None
    timestamp: Any = None
    session_id: Any = None


class ToolCall(Line, tag_field="type", tag="tool_call"):
    """A tool call; `toolId` and `toolName` say the same."""

    id: str
    toolName: str  # noqa: N815 - the CLI's own name
    parameters: Any = None
    messageId: Any = None  # noqa: N815 - the CLI's own name
    toolId: Any = None  # noqa: N815 - the CLI's own name
    timestamp: Any = None
    session_id: Any = None


class ToolError(Line):
    """Why a tool failed; `type` is tool_error."""

    type: Any = None
    message: str = ""


class ToolResult(Line, tag_field="type", tag="tool_result"):
    """A tool's result: `value` if it is good, `error` if it is not."""

    id: str | None = None
    isError: bool | None = None  # noqa: N815 - the CLI's own name
    value: Any = None
    error: ToolError | str | None = None
    messageId: Any = None  # noqa: N815 - the CLI's own name
    toolId: Any = None  # noqa: N815 - the CLI's own name
    timestamp: Any = None
    session_id: Any = None


class Error(Line, tag_field="type", tag="error"):
    """`source` agent_loop (the provider's text) or cli ("Exec failed", a refused command)."""

    message: str = ""
    source: str | None = None
    timestamp: Any = None
    session_id: Any = None
    error: Any = None


class Usage(Line):
    """The run's tokens."""

    input_tokens: float | None = None
    output_tokens: float | None = None
    cache_read_input_tokens: float | None = None
    cache_creation_input_tokens: float | None = None
    thinking_tokens: float | None = None
    factory_credits: Any = None
    ttft_ms: Any = None


class Completion(Line, tag_field="type", tag="completion"):
    """The run succeeded."""

    finalText: str | None = None  # noqa: N815 - the CLI's own name
    numTurns: float | None = None  # noqa: N815 - the CLI's own name
    durationMs: float | None = None  # noqa: N815 - the CLI's own name
    usage: Usage | None = None
    session_id: str | None = None
    timestamp: Any = None


class Result(Line, tag_field="type", tag="result"):
    """The run's end in the Claude-like dialect and in `-o json`."""

    subtype: str | None = None
    is_error: bool = False
    result: str | None = None
    session_id: str | None = None
    duration_ms: float | None = None
    num_turns: float | None = None
    usage: Usage | None = None
    uuid: Any = None
    errors: Any = None


LINES = Family(
    {
        "system": {"init": Init},
        "message": Message,
        "reasoning": Reasoning,
        "tool_call": ToolCall,
        "tool_result": ToolResult,
        "error": Error,
        "completion": Completion,
        "assistant": Assistant,
        "user": User,
        "result": Result,
    },
    ends=("completion", "result"),
)
