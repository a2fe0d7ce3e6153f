"""An event with its place: what the bus delivers. Its class tells how it came."""

from __future__ import annotations

import msgspec

from agent_runner.events.base import AgentEvent
from agent_runner.events.registry import event_of


class _Shared(msgspec.Struct, kw_only=True):
    frame: bytes | None = None


class Envelope(_Shared):
    """An event of a conversation, and of the run `run_id` unless that is None.

    `payload` is its JSON object, which begins with its type. One envelope serves all subscribers:
    a dialect whose frame is the same for all of them keeps it in `frame`.
    """

    conversation_id: str
    run_id: str | None
    type: str
    payload: bytes | None


class Stored(Envelope):
    """A durable event, live.

    `seq` counts from 1 in its conversation, without a gap; `time` is RFC 3339 UTC. `payload` is
    None for an event that is too large to be queued: `Channel.pieces` reads it.
    """

    seq: int
    time: str

    @property
    def event(self) -> AgentEvent:
        """The event, decoded; only of one that has its payload."""
        assert self.payload is not None
        return event_of(self.payload)


class Replayed(Stored):
    """A durable event from the store, which always has its payload."""


class Streamed(Envelope):
    """An ephemeral event, live."""

    event: AgentEvent


class Snapshot(Streamed):
    """What there is so far of an item that is open, for a reader who has missed its beginning."""


class LogEntry(msgspec.Struct, kw_only=True):
    """An entry of one of the service's own logs; `seq` counts in that log."""

    type: str
    seq: int
    time: str
    payload: bytes
