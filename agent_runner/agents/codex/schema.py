"""Codex CLI's `exec --json` lines. Recorded from 0.171.0.

An item is told when it starts and when it is complete; messages and thoughts only then.
"""

from __future__ import annotations

from typing import Any

from agent_runner.decoding.decode import Family, Line


class Usage(Line):
    """The tokens of the turn; `input_tokens` has the cached ones in it."""

    input_tokens: float | None = None
    cached_input_tokens: float | None = None
    cache_write_input_tokens: float | None = None
    output_tokens: float | None = None
    reasoning_output_tokens: float | None = None


class Problem(Line):
    """Why a turn failed; `message` may be the provider's JSON."""

    message: str = ""


class Item(Line):
    """What the agent says or does, by `type`.

    agent_message and reasoning {text}, command_execution {command, aggregated_output, exit_code,
    status}, file_change {changes, status}, mcp_tool_call {server, tool, arguments, result, error,
    status}, web_search {query, action}, todo_list {items}, collab_tool_call, error {message}. A
    `status` is in_progress, completed, failed or declined.
    """

    id: str
    type: str
    text: str | None = None
    command: str | None = None
    aggregated_output: str | None = None
    exit_code: float | None = None
    status: str | None = None
    changes: list[dict[str, Any]] | None = None
    server: str | None = None
    tool: str | None = None
    arguments: Any = None
    result: Any = None
    error: Any = None
    query: Any = None
    action: Any = None
    items: Any = None
    message: str | None = None
    sender_thread_id: Any = None
    receiver_thread_ids: Any = None
    prompt: Any = None
    agents_states: Any = None


class ThreadStarted(Line, tag_field="type", tag="thread.started"):
    """The first line; a thread is the CLI's word for a session."""

    thread_id: str


class TurnStarted(Line, tag_field="type", tag="turn.started"):
    """The prompt was taken."""


class TurnCompleted(Line, tag_field="type", tag="turn.completed"):
    """The end of a turn that went well."""

    usage: Usage | None = None


class TurnFailed(Line, tag_field="type", tag="turn.failed"):
    """The end of a turn that did not; the process then ends with exit code 1."""

    error: Problem | None = None


class ItemStarted(Line, tag_field="type", tag="item.started"):
    """An item begins."""

    item: Item


class ItemUpdated(Line, tag_field="type", tag="item.updated"):
    """An item has changed."""

    item: Item


class ItemCompleted(Line, tag_field="type", tag="item.completed"):
    """An item is complete."""

    item: Item


class Error(Line, tag_field="type", tag="error"):
    """A retry, or why the turn will fail."""

    message: str = ""


LINES = Family(
    {
        "thread.started": ThreadStarted,
        "turn.started": TurnStarted,
        "turn.completed": TurnCompleted,
        "turn.failed": TurnFailed,
        "item.started": ItemStarted,
        "item.updated": ItemUpdated,
        "item.completed": ItemCompleted,
        "error": Error,
    },
    ends=("turn.completed", "turn.failed"),
)
