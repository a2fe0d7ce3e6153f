"""The lines of Factory Droid's transcript, `~/.factory/sessions/<cwd>/<session id>.jsonl`.

Beside it stands `<session id>.settings.json`, with what the session has used so far.
Recorded from 0.215.0. Messages have Claude's content blocks; what hooks did is a message too
(`hookEventName`), with no content.
"""

# ruff: noqa: N815 - the CLI's own names

from __future__ import annotations

from typing import Any

from agent_runner.agents.claude import schema as claude
from agent_runner.agents.droid.rpc_schema import TokenUsage
from agent_runner.decoding.decode import Family, OpenLine, Schema


class Block(claude.Block):
    """Claude's content block, and how long the model thought."""

    signatureProvider: str | None = None
    durationMs: float | None = None


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


class Settings(OpenLine):
    """Of the settings; `inclusiveTokenUsage` counts subagents too."""

    tokenUsage: TokenUsage | None = None
    inclusiveTokenUsage: TokenUsage | None = None


SETTINGS = Schema("settings.json", Settings)
LINES = Family({"message": Message, "agent_turn_outcome": Outcome, "error": Failure})
