"""What happened, in the order of its seq."""

from __future__ import annotations

import msgspec

from conversation_store.records.runs import Move


class NewEvent(msgspec.Struct, frozen=True):
    """An event to append: its type and its JSON object, encoded.

    `move` is what it tells of its run, and is made where the event is stored.
    """

    type: str
    time: str
    payload: bytes
    move: Move | None = None


class StoredEvent(msgspec.Struct, frozen=True):
    """A committed event. `payload` is the very JSON that was appended."""

    conversation_id: str
    seq: int
    run_id: str | None
    type: str
    time: str
    payload: bytes
