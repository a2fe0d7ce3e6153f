"""An event on its way into the store."""

from __future__ import annotations

from agent_runner import wire
from agent_runner.events.base import AgentEvent, tag_of
from conversation_store.records import Move, NewEvent


def new_event(event: AgentEvent, move: Move | None = None) -> NewEvent:
    """`event` ready to be stored, with the move of its run that it reports."""
    return NewEvent(tag_of(event), wire.now(), wire.encode(event), move)
