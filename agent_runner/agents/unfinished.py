"""Texts that were begun and are not complete: what is left of them when their turn breaks off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from agent_runner.events.base import AgentEvent
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
    TurnCompleted,
)
from agent_runner.pieces import Pieces

MOST_TEXT = 8 << 20


class _Item:
    def __init__(self, first: MessageDelta | ReasoningDelta) -> None:
        self.is_message = isinstance(first, MessageDelta)
        self.parent = first.parent_tool_call_id
        self.background_turn: int | None = None
        self.pieces = Pieces()


class Unfinished:
    """Keeps the pieces of open messages and thoughts, MOST_TEXT characters of each.

    `behind` is as in `base.Received`.
    """

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}

    def take(self, events: Iterable[AgentEvent], background_turn: int | None = None) -> None:
        """Take events in their order; those that are no texts say nothing."""
        for event in events:
            if isinstance(event, MessageDelta | ReasoningDelta):
                self._add(event, background_turn)
            elif isinstance(event, MessageCompleted | ReasoningCompleted):
                self._items.pop(event.item_id, None)

    def _add(self, delta: MessageDelta | ReasoningDelta, background_turn: int | None) -> None:
        item = self._items.get(delta.item_id)
        if item is None:
            item = self._items[delta.item_id] = _Item(delta)
        item.background_turn = background_turn
        if item.pieces.size < MOST_TEXT:
            item.pieces.add(delta.text)

    def end_turn(self, *, partial: bool) -> list[AgentEvent]:
        """Complete what the turn left open; helpers work on."""
        ended = [
            key
            for key, item in self._items.items()
            if item.parent is None and item.background_turn is None
        ]
        return self._end(ended, partial=partial)

    def end_background(self, *, partial: bool, helpers: bool) -> list[AgentEvent]:
        """Complete what a turn of the CLI's own left open, and what its `helpers` did."""
        ended = [
            key
            for key, item in self._items.items()
            if item.background_turn is not None and (helpers or item.parent is None)
        ]
        return self._end(ended, partial=partial)

    def end(self, last: Sequence[AgentEvent]) -> list[AgentEvent]:
        """The process is gone and said `last`: what it left open is complete.

        It is partial unless the process itself tells of a good end.
        """
        partial = not any(isinstance(event, TurnCompleted) and event.ok for event in last)
        events: list[AgentEvent] = []
        for event in last:
            if isinstance(event, MessageCompleted | ReasoningCompleted):
                was_open = self._items.pop(event.item_id, None) is not None
                event = msgspec.structs.replace(event, partial=partial and was_open)
            events.append(event)
        return [*self._end(list(self._items), partial=partial), *events]

    def _end(self, keys: list[str], *, partial: bool) -> list[AgentEvent]:
        events: list[AgentEvent] = []
        for key in keys:
            item = self._items.pop(key)
            text, parent = item.pieces.text(), item.parent
            if text and item.is_message:
                events.append(_message(key, text, parent, partial))
            elif text:
                events.append(_thought(key, text, parent, partial))
        return events


def _message(key: str, text: str, parent: str | None, partial: bool) -> AgentEvent:
    return MessageCompleted(item_id=key, text=text, parent_tool_call_id=parent, partial=partial)


def _thought(key: str, text: str, parent: str | None, partial: bool) -> AgentEvent:
    return ReasoningCompleted(item_id=key, text=text, parent_tool_call_id=parent, partial=partial)


def partial_answer(events: Iterable[AgentEvent]) -> str | None:
    """The last message of the agent itself that broke off."""
    texts = [
        event.text
        for event in events
        if isinstance(event, MessageCompleted) and event.partial and not event.parent_tool_call_id
    ]
    return texts[-1] if texts else None
