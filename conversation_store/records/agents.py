"""Agents as the store has them."""

from __future__ import annotations

from typing import Annotated, Any

from conversation_store.records.base import NOT_STORED, Record


class AgentRecord(Record, frozen=True, kw_only=True):
    """A named worker. `options` is what its adapter reads; the store does not look inside.

    `error` says that they cannot be read as they were written, and why.
    """

    agent_id: str
    type: str
    comm_mode: str
    options: dict[str, Any]
    created_at: str
    updated_at: str
    error: Annotated[str | None, NOT_STORED] = None
