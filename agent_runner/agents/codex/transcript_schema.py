"""The lines of Codex CLI's session file that its UI is read by. Recorded: 0.171.0.

`{timestamp, ordinal, type, payload}`. An `event_msg` has an event in its payload, a
`token_usage_record` what a turn has used so far. Types of items are those of the app-server with a
capital letter; their fields have underscores.
"""

from __future__ import annotations

from typing import Any

from agent_runner.decoding.decode import Family, OpenLine, Schema


class Item(OpenLine):
    """An item: AgentMessage, Reasoning, CommandExecution, FileChange, McpToolCall and others."""

    type: str
    id: str
    content: Any = None
    summary_text: list[str] | None = None
    command: list[str] | None = None
    status: str | None = None
    aggregated_output: str | None = None
    exit_code: float | None = None
    changes: dict[str, Any] | None = None
    server: str | None = None
    tool: str | None = None
    arguments: Any = None
    result: Any = None
    error: Any = None


class ItemCompleted(OpenLine):
    """An item is complete."""

    item: Item
    turn_id: str | None = None


class Problem(OpenLine):
    """Why a turn failed; `codex_error_info` is as the app-server's, with underscores."""

    message: str = ""
    codex_error_info: Any = None


class TaskComplete(OpenLine):
    """A turn is over; it has failed if there is an `error`."""

    turn_id: str | None = None
    last_agent_message: str | None = None
    error: Problem | None = None
    duration_ms: float | None = None


class TurnAborted(OpenLine):
    """A turn was interrupted."""

    turn_id: str | None = None
    reason: str | None = None


class Tokens(OpenLine):
    """Counts of tokens."""

    input_tokens: float | None = None
    cached_input_tokens: float | None = None
    cache_write_input_tokens: float | None = None
    output_tokens: float | None = None
    reasoning_output_tokens: float | None = None


class Used(OpenLine):
    """What a turn has used with its newest call of the model."""

    turn_id: str | None = None
    turn_token_usage: Tokens | None = None


USED = Schema("token_usage_record", Used)
EVENTS = Family(
    {
        "item_completed": ItemCompleted,
        "task_complete": TaskComplete,
        "turn_aborted": TurnAborted,
    }
)
