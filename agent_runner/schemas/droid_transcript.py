"""The lines of Factory Droid's transcript, `~/.factory/sessions/<cwd>/<session id>.jsonl`.

Recorded from 0.215.0. Messages have Claude's content blocks; what hooks did is a message too
(`hookEventName`), with no content.
"""

# ruff: noqa: N815 - the CLI's own names

from __future__ import annotations

from typing import Any

from agent_runner.schemas.claude import Block
from agent_runner.schemas.decode import Family, OpenLine


class Inner(OpenLine):
    """The message itself."""

    role: str
    content: str | list[Block]
    hookEventName: str | None = None
    visibility: str | None = None


class Message(OpenLine):
    """A message of the conversation."""

    message: Inner
    id: str | None = None
    modelId: str | None = None


class Outcome(OpenLine):
    """A turn is over; `reason` is completed, cancelled, error, permission_rejected, model_*."""

    reason: str | None = None


class Failure(OpenLine):
    """An error of the agent's loop."""

    message: Any = None


LINES = Family({"message": Message, "agent_turn_outcome": Outcome, "error": Failure})
