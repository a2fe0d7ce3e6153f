"""The service's own dialect: each event as a server-sent event, the same live as in a replay.

    id: SEQ
    event: TYPE
    data: {"seq":SEQ,"runId":RUN,"conversationId":CONVERSATION,"time":TIME,"type":TYPE,...}

An ephemeral event and a snapshot have no id, no seq and no time. The envelope is spliced into the
event's JSON, which is not decoded.
"""

from __future__ import annotations

from agent_runner.events.envelope import Envelope, LogEntry, Snapshot, Stored
from agent_runner.streams.base import Dialect, LogDialect

_END = b"\n\n"


class Native(Dialect, LogDialect):
    """Stateless: any number of streams may share what it has encoded."""

    name = "native"
    media_type = "text/event-stream"

    def encode(self, envelope: Envelope) -> bytes:
        """The frame, made once for all readers."""
        frame = envelope.frame
        if frame is None:
            frame = envelope.frame = _frame(envelope)
        return frame

    def snapshot(self, snapshot: Snapshot) -> bytes:
        """An `item.snapshot`."""
        return _frame(snapshot)

    def around(self, envelope: Stored) -> tuple[bytes, bytes]:
        """The envelope, and the frame's end."""
        return _head(envelope), _END

    def entry(self, entry: LogEntry) -> bytes:
        """The frame of a log's entry: it is of no run and no conversation."""
        head = (
            f"id: {entry.seq}\nevent: {entry.type}\n"
            f'data: {{"seq":{entry.seq},"time":"{entry.time}",'
        )
        return b"".join((head.encode(), entry.payload[1:], _END))


def _frame(envelope: Envelope) -> bytes:
    assert envelope.payload is not None
    if isinstance(envelope, Stored):
        return b"".join((_head(envelope), envelope.payload[1:], _END))
    head = (
        f"event: {envelope.type}\n"
        f'data: {{"runId":{_string(envelope.run_id)},'
        f'"conversationId":"{envelope.conversation_id}",'
    )
    return b"".join((head.encode(), envelope.payload[1:], _END))


def _head(envelope: Stored) -> bytes:
    return (
        f'id: {envelope.seq}\nevent: {envelope.type}\ndata: {{"seq":{envelope.seq},'
        f'"runId":{_string(envelope.run_id)},"conversationId":"{envelope.conversation_id}",'
        f'"time":"{envelope.time}",'
    ).encode()


def _string(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'
