"""Messages for agents that poll."""

from __future__ import annotations

from typing import Any

from conversation_store.records.base import Record


class TicketRecord(Record, frozen=True, kw_only=True):
    """A message for an agent that polls, and the one reply to it."""

    ticket_id: str
    agent_id: str
    content: str
    metadata: dict[str, Any]
    sender: str
    created_at: str
    expires_at: str
    reply: str | None = None
    reply_metadata: dict[str, Any] | None = None
    replied_by: str | None = None
    replied_at: str | None = None
