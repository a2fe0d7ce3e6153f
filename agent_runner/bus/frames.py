"""An event as the bytes that go over SSE: the same live as in a replay."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from agent_runner import wire
from agent_runner.events import AgentEvent, event_type
from conversation_store.records import Move, NewEvent, StoredEvent

PIECE = 1 << 16
FRAME_END = b"\n\n"


class ItemSnapshot(AgentEvent, frozen=True, kw_only=True, tag="item.snapshot"):
    """The text so far of an item that is still open, for those who connect in the middle.

    `cut` says that it is very long and this is only its beginning.
    """

    item_id: str
    kind: str
    text: str
    cut: bool = False


def new_event(event: AgentEvent, move: Move | None = None) -> NewEvent:
    """`event` ready to be stored, with the move of its run that it tells of."""
    return NewEvent(event_type(event), wire.now(), wire.encode(event), move)


def stored_frame(event: StoredEvent) -> bytes:
    """The frame of a committed event: its envelope spliced into its stored JSON."""
    return b"".join((frame_head(event), event.payload[1:], FRAME_END))


def large_frame(event: StoredEvent) -> Iterator[bytes]:
    """The same in pieces of 64 KiB, so that a frame of megabytes is never copied whole."""
    yield frame_head(event)
    view = memoryview(event.payload)[1:]
    for at in range(0, len(view), PIECE):
        yield bytes(view[at : at + PIECE])
    yield FRAME_END


def frame_head(event: StoredEvent) -> bytes:
    """All of a frame that comes before the second byte of the event's JSON."""
    return (
        f'id: {event.seq}\nevent: {event.type}\ndata: {{"seq":{event.seq},'
        f'"runId":{_string(event.run_id)},"conversationId":"{event.conversation_id}",'
        f'"time":"{event.time}",'
    ).encode()


def ephemeral_frame(conversation_id: str, run_id: str | None, event: AgentEvent) -> bytes:
    """The frame of an event that is streamed only: it has no id and no seq."""
    head = (
        f"event: {event_type(event)}\n"
        f'data: {{"runId":{_string(run_id)},"conversationId":"{conversation_id}",'
    )
    return b"".join((head.encode(), wire.encode(event)[1:], b"\n\n"))


def _string(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'


class Frame(msgspec.Struct, frozen=True):
    """What a subscriber's queue holds. A large stored event is held as its seq only."""

    run_id: str | None
    seq: int | None
    type: str
    data: bytes | None
