"""Conversations and their turns."""

from __future__ import annotations

from typing import Any

from conversation_store.records.base import Record


class ConversationRecord(Record, frozen=True, kw_only=True):
    """An agent's chat; `session_id` is the CLI's own, for resume, known since `session_at`.

    `session_mark` is how far that session's file is known (JSON).
    """

    conversation_id: str
    agent_id: str
    state: str
    session_id: str | None
    last_event_seq: int
    last_turn_seq: int
    created_at: str
    updated_at: str
    session_at: str | None
    session_mark: str | None = None


class TurnRecord(Record, frozen=True, kw_only=True):
    """One message. `direction` is inbound (to the agent) or outbound; the store gives the seq."""

    turn_id: str
    conversation_id: str
    seq: int = 0
    role: str
    direction: str
    content: str
    run_id: str | None
    metadata: dict[str, Any]
    created_at: str
