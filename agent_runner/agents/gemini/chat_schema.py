"""The lines of Gemini CLI's chat file, `tmp/<project>/chats/session-*.jsonl`.

Recorded from 0.61.0. A message is written again, with the same id, as its tool calls end.
Lines without a type are the CLI's own books (`$set`, the head of the file).
"""

# ruff: noqa: N815 - the CLI's own names

from __future__ import annotations

from typing import Any

from agent_runner.decoding.decode import Family, OpenLine


class Tokens(OpenLine):
    """The tokens of one model call."""

    input: float | None = None
    output: float | None = None
    cached: float | None = None
    thoughts: float | None = None
    total: float | None = None


class Call(OpenLine):
    """A tool call that is over; `status` is success, error or cancelled."""

    name: str
    args: Any = None
    status: str | None = None
    result: list[Any] | None = None


class Answer(OpenLine):
    """What the model said, and the calls it made."""

    id: str | None = None
    content: str | None = None
    thoughts: list[Any] | None = None
    tokens: Tokens | None = None
    model: str | None = None
    toolCalls: list[Call] | None = None


class Prompt(OpenLine):
    """What the model is told."""

    content: Any = None


class Told(OpenLine):
    """What the CLI tells its user."""

    type: str
    content: Any = None


LINES = Family({"gemini": Answer, "user": Prompt, "info": Told, "error": Told, "warning": Told})
