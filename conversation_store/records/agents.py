"""Agents as the store has them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from conversation_store.records.base import NOT_STORED, Record


class About(Record, frozen=True, kw_only=True):
    """What is told about an agent, to people and in the caller's own words."""

    name: str | None = None
    description: str | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class AgentActivity(Record, frozen=True, kw_only=True):
    """An agent's open questions, and when it last did a thing."""

    agent_id: str
    pending_approvals: int
    last_activity_at: str | None


class AgentRecord(Record, frozen=True, kw_only=True):
    """A named worker. `options` is what its adapter reads; the store does not look inside.

    `error` says that they cannot be read as they were written, and why. `name` and `description`
    are for people, `metadata` is the caller's own.
    """

    agent_id: str
    type: str
    comm_mode: str
    options: dict[str, Any]
    created_at: str
    updated_at: str
    name: str | None = None
    description: str | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    error: Annotated[str | None, NOT_STORED] = None
