"""The stream of a page, which carries many conversations and logs at once.

    id: CURSOR
    event: TYPE
    data: {as on the conversation's own stream, or the log's}

An event that no log keeps has no id.
"""

from __future__ import annotations

from collections.abc import Callable

from agent_runner.events.envelope import Envelope, LogEntry, Snapshot, Stored
from agent_runner.streams.base import Dialect
from agent_runner.streams.native import Native

_NATIVE = Native()


class Page(Dialect, registered=False):
    """Frames of the native dialect, each with the cursor that `place` gives in place of its id."""

    name = "page"
    media_type = "text/event-stream"

    def __init__(self, place: Callable[[Stored], str]) -> None:
        super().__init__()
        self._place = place

    def encode(self, envelope: Envelope) -> bytes:
        """The frame; a stored event is read with it."""
        frame = _NATIVE.encode(envelope)
        if not isinstance(envelope, Stored):
            return frame
        return b"id: %b%b" % (self._place(envelope).encode(), frame[frame.index(b"\n") :])

    def snapshot(self, snapshot: Snapshot) -> bytes:
        """An `item.snapshot`."""
        return _NATIVE.snapshot(snapshot)

    def around(self, envelope: Stored) -> tuple[bytes, bytes]:
        """The envelope, and the frame's end."""
        head, end = _NATIVE.around(envelope)
        return b"id: %b%b" % (self._place(envelope).encode(), head[head.index(b"\n") :]), end


def log_frame(entry: LogEntry, feed: str, cursor: str) -> bytes:
    """An entry of a log; `feed` says of which."""
    frame = _NATIVE.entry(entry)
    named = b'data: {"feed":"%b","' % feed.encode()
    rest = frame[frame.index(b"\n") :].replace(b'data: {"', named, 1)
    return b"id: %b%b" % (cursor.encode(), rest)


def told(kind: str, data: bytes, cursor: str | None = None) -> bytes:
    """An event that no log keeps; `data` is its JSON object."""
    head = f"id: {cursor}\n" if cursor is not None else ""
    return b"%bevent: %b\ndata: %b\n\n" % (head.encode(), kind.encode(), data)
