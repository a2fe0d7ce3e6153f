"""A conversation that begins."""

from __future__ import annotations

from typing import Any

from agent_runner import wire
from conversation_store.records import ConversationRecord


def new_conversation(
    agent_id: str, conversation_id: str | None = None, **fields: Any
) -> ConversationRecord:
    """One in which nothing was said yet, under an id of its own; `fields` of the record besides."""
    now = wire.now()
    return ConversationRecord(
        conversation_id=conversation_id or wire.new_id("conv"),
        agent_id=agent_id,
        state="open",
        session_id=None,
        last_event_seq=0,
        last_turn_seq=0,
        created_at=now,
        updated_at=now,
        session_at=None,
        **fields,
    )
