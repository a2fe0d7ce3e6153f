"""Gemini CLI's `--output-format stream-json` lines: all six types, recorded from 0.61.0.

An assistant message is only ever a delta, thoughts are not printed, and messages have no
ids. A failed tool is not a failed run.
"""

from __future__ import annotations

from typing import Any

from agent_runner.decoding.decode import Family, Line


class Init(Line, tag_field="type", tag="init"):
    """The first line. `model` is "auto" when none was chosen."""

    session_id: str | None = None
    model: str | None = None
    timestamp: Any = None


class Message(Line, tag_field="type", tag="message"):
    """The prompt repeated (`role` user), or more of the answer (`role` assistant)."""

    content: str
    role: str | None = None
    delta: Any = None
    timestamp: Any = None


class ToolUse(Line, tag_field="type", tag="tool_use"):
    """A tool call. Calls of one turn all come before their results."""

    tool_name: str
    tool_id: str
    parameters: Any = None
    timestamp: Any = None


class Problem(Line):
    """`type` is an open set: policy_violation and tool_not_registered were seen."""

    type: str | None = None
    message: str = ""
    code: Any = None


class ToolResult(Line, tag_field="type", tag="tool_result"):
    """`status` success or error; `output` is absent for some tools, "" for read_file."""

    tool_id: str | None = None
    status: str | None = None
    output: Any = None
    error: Problem | None = None
    timestamp: Any = None


class Error(Line, tag_field="type", tag="error"):
    """`severity` warning or error: loop detected, too many turns, an invalid answer."""

    message: str = ""
    severity: str | None = None
    timestamp: Any = None


class Stats(Line):
    """Totals of the run; `cached` is part of `input_tokens`, `input` the rest."""

    total_tokens: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    cached: float | None = None
    input: Any = None
    duration_ms: float | None = None
    tool_calls: Any = None
    models: dict[str, Any] | None = None


class Result(Line, tag_field="type", tag="result"):
    """The last line. There is no HTTP code: the exit code has it, modulo 256."""

    status: str | None = None
    stats: Stats | None = None
    error: Problem | None = None
    timestamp: Any = None


LINES = Family(
    {
        "init": Init,
        "message": Message,
        "tool_use": ToolUse,
        "tool_result": ToolResult,
        "error": Error,
        "result": Result,
    },
    ends=("result",),
)
