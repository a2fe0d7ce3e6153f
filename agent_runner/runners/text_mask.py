"""Masks secrets in texts that a CLI prints in pieces, each piece on a line of its own.

The lines were masked when they were read: a secret is whole in none of them. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from agent_runner.events.base import AgentEvent
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
    TurnCompleted,
)
from agent_runner.events.tool import ToolInputDelta, ToolStarted
from agent_runner.process.redact import Redactor, all_forms

_Delta = MessageDelta | ReasoningDelta | ToolInputDelta
_DELTAS = (MessageDelta, ReasoningDelta, ToolInputDelta)
_TEXTS = frozenset((*_DELTAS, MessageCompleted, ReasoningCompleted, ToolStarted, TurnCompleted))
_BEGINNING = 3


class _Item:
    """A text that has begun: what was last said of it, and its masking."""

    def __init__(self, forms: list[bytes]) -> None:
        self.redactor = Redactor.of_forms(forms)
        self.last: _Delta | None = None


class TextMask:
    """Takes the events of a process in their order.

    What may be the beginning of a secret is held back until the next piece of its text or its
    end, the turn's or the process's.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = all_forms(secrets)
        self._begins = {_decoded(form)[:_BEGINNING] for form in self._forms}
        self._ends = {begin[:length] for begin in self._begins for length in range(1, _BEGINNING)}
        self._items: dict[str, _Item] = {}
        self._whole: tuple[str, str] = ("", "")

    def events(self, events: list[AgentEvent]) -> list[AgentEvent]:
        """The events without a secret in what their pieces make together."""
        if not self._forms or _TEXTS.isdisjoint(map(type, events)):
            return events
        return [masked for event in events for masked in self._masked(event)]

    def end(self, last: list[AgentEvent]) -> tuple[list[AgentEvent], list[AgentEvent]]:
        """What was held back of texts that stay unfinished, and the process's `last` events."""
        masked = [*self.events(last), *self._flush()]
        held = [event for event in masked if event.ephemeral]
        return held, [event for event in masked if not event.ephemeral]

    def _flush(self) -> list[AgentEvent]:
        items = list(self._items.values())
        self._items.clear()
        return [delta for item in items for delta in _rest(item)]

    def _masked(self, event: AgentEvent) -> Iterator[AgentEvent]:
        if isinstance(event, _DELTAS):
            yield from self._piece(event)
            return
        if isinstance(event, TurnCompleted):
            yield from self._flush()
            if event.text:
                event = msgspec.structs.replace(event, text=self._text(event.text))
        elif isinstance(event, (MessageCompleted, ReasoningCompleted)):
            item = self._items.pop(event.item_id, None)
            if item is not None:
                yield from _rest(item)
                event = msgspec.structs.replace(event, text=self._text(event.text))
        elif isinstance(event, ToolStarted) and event.tool_call_id in self._items:
            yield from _rest(self._items.pop(event.tool_call_id))
        yield event

    def _piece(self, delta: _Delta) -> Iterator[AgentEvent]:
        key = delta.tool_call_id if isinstance(delta, ToolInputDelta) else delta.item_id
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = _Item(self._forms)
        item.last = delta
        text = delta.json if isinstance(delta, ToolInputDelta) else delta.text
        if not item.redactor.held and not self._may_begin(text):
            yield delta
            return
        clear = _decoded(item.redactor.feed(_encoded(text)))
        item.redactor.hidden.clear()
        if clear:
            yield _with(delta, clear)

    def _may_begin(self, text: str) -> bool:
        """True if a secret may begin in a piece of a text, or in its last characters."""
        if text[-1:] in self._ends or text[-2:] in self._ends:
            return True
        return any(map(text.__contains__, self._begins))

    def _text(self, text: str) -> str:
        """A whole text, masked; its turn may have the same one, and megabytes of it."""
        if text != self._whole[0]:
            redactor = Redactor.of_forms(self._forms)
            data = _encoded(text)
            clear = redactor.feed(data) + redactor.flush()
            self._whole = (text, text if clear == data else _decoded(clear))
        return self._whole[1]


def _rest(item: _Item) -> Iterator[AgentEvent]:
    held = _decoded(item.redactor.flush())
    if held and item.last is not None:
        yield _with(item.last, held)


def _with(delta: _Delta, text: str) -> AgentEvent:
    if isinstance(delta, ToolInputDelta):
        return msgspec.structs.replace(delta, json=text)
    return msgspec.structs.replace(delta, text=text)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
