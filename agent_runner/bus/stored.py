"""An event on its way into the store."""

from __future__ import annotations

from agent_runner import wire
from agent_runner.events.base import AgentEvent, event_type
from conversation_store.records import Move, NewEvent


def new_event(event: AgentEvent, move: Move | None = None) -> NewEvent:
    """`event` ready to be stored, with the move of its run that it reports."""
    return NewEvent(event_type(event), wire.now(), wire.encode(event), move)
