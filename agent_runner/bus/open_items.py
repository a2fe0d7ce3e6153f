"""The items of a conversation that have begun and are not complete, for those who join now."""

from __future__ import annotations

from agent_runner import wire
from agent_runner.events.base import AgentEvent, tag_of
from agent_runner.events.envelope import Snapshot
from agent_runner.events.message import (
    ItemSnapshot,
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
)
from agent_runner.events.tool import ToolInputDelta, ToolStarted
from agent_runner.pieces import Pieces

MAX_OPEN_TEXT = 8 << 20
_ITEM_OVERHEAD = 512


class _OpenItem:
    """Its text so far, or only the beginning."""

    def __init__(self, kind: str, run_id: str | None) -> None:
        self.kind = kind
        self.run_id = run_id
        self.pieces = Pieces()
        self.cut = False

    @property
    def size(self) -> int:
        """What it counts for."""
        return _ITEM_OVERHEAD + self.pieces.size


class OpenItems:
    """Keeps MAX_OPEN_TEXT characters in all: an item that is over it has a `cut` snapshot."""

    def __init__(self, conversation_id: str) -> None:
        self._conversation_id = conversation_id
        self._items: dict[str, _OpenItem] = {}
        self._size = 0

    def note(self, run_id: str | None, event: AgentEvent) -> None:
        """Take a piece of an item; other events say nothing."""
        if isinstance(event, MessageDelta):
            key, kind, text = event.item_id, "message", event.text
        elif isinstance(event, ReasoningDelta):
            key, kind, text = event.item_id, "reasoning", event.text
        elif isinstance(event, ToolInputDelta):
            key, kind, text = event.tool_call_id, "tool.input", event.json
        else:
            return
        item = self._items.get(key)
        if item is None:
            if self._size + _ITEM_OVERHEAD > MAX_OPEN_TEXT:
                return
            item = self._items[key] = _OpenItem(kind, run_id)
            self._size += _ITEM_OVERHEAD
        item.cut = item.cut or self._size + len(text) > MAX_OPEN_TEXT
        if not item.cut:
            item.pieces.add(text)
            self._size += len(text)

    def close(self, key: str) -> None:
        """Forget an item: it is complete."""
        item = self._items.pop(key, None)
        if item is not None:
            self._size -= item.size

    def close_run(self, run_id: str | None) -> None:
        """Forget the items of a run that is over."""
        for key in [key for key, item in self._items.items() if item.run_id == run_id]:
            self.close(key)

    def snapshots(self, run_id: str | None) -> list[Snapshot]:
        """What there is of each item, of all runs or of one."""
        return [
            self._snapshot(item_id, item)
            for item_id, item in self._items.items()
            if run_id in (None, item.run_id)
        ]

    def _snapshot(self, item_id: str, item: _OpenItem) -> Snapshot:
        text = item.pieces.text()
        event = ItemSnapshot(item_id=item_id, kind=item.kind, text=text, cut=item.cut)
        payload = wire.encode(event)
        return Snapshot(self._conversation_id, item.run_id, tag_of(event), payload, event)


def closes(event: AgentEvent) -> str | None:
    """The open item that `event` completes."""
    if isinstance(event, MessageCompleted | ReasoningCompleted):
        return event.item_id
    return event.tool_call_id if isinstance(event, ToolStarted) else None
