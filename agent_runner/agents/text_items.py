"""Joins a CLI's pieces of text into items, for CLIs whose messages have no ids or ends."""

from __future__ import annotations

from agent_runner.events.base import AgentEvent
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
)
from agent_runner.pieces import Pieces

MAX_ITEM = 32 << 20


class TextItems:
    """The open stretch of message or thinking text; item ids are `m1`, `r2`, ...

    A stretch ends when the other kind begins, when it has MAX_ITEM characters, or when `end`
    is called: before a tool call, a question and the turn's end. `last` is the newest complete
    message.
    """

    def __init__(self) -> None:
        self.last: str | None = None
        self._count = 0
        self._kind = ""
        self._pieces = Pieces()

    def message(self, text: str) -> list[AgentEvent]:
        """More of the answer."""
        events = self._open("m")
        self._pieces.add(text)
        return [*events, MessageDelta(item_id=self._item_id, text=text)]

    def reasoning(self, text: str) -> list[AgentEvent]:
        """More thinking."""
        events = self._open("r")
        self._pieces.add(text)
        return [*events, ReasoningDelta(item_id=self._item_id, text=text)]

    def end(self) -> list[AgentEvent]:
        """Complete the open stretch, if there is one."""
        if not self._kind:
            return []
        text = self._pieces.text()
        self._pieces = Pieces()
        kind, self._kind = self._kind, ""
        if kind == "r":
            return [ReasoningCompleted(item_id=f"r{self._count}", text=text)]
        self.last = text
        return [MessageCompleted(item_id=f"m{self._count}", text=text)]

    def begin_turn(self) -> None:
        """Forget the last turn's text."""
        self.last = None

    @property
    def _item_id(self) -> str:
        return f"{self._kind}{self._count}"

    def _open(self, kind: str) -> list[AgentEvent]:
        if self._kind == kind and self._pieces.size < MAX_ITEM:
            return []
        events = self.end()
        self._kind = kind
        self._count += 1
        return events
