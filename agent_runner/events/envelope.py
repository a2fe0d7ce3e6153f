"""An event with its place: what the bus delivers. Its class tells how it came."""

from __future__ import annotations

import msgspec

from agent_runner.events.base import AgentEvent
from agent_runner.events.registry import event_of


class Envelope(msgspec.Struct, kw_only=True):
    """An event of a conversation, and of the run `run_id` unless that is None.

    One envelope serves all subscribers. A dialect whose frame is the same for all of them keeps
    it in `frames`, by the dialect's name.
    """

    conversation_id: str
    run_id: str | None
    type: str
    frames: dict[str, bytes] = msgspec.field(default_factory=dict)


class Stored(Envelope, kw_only=True):
    """A durable event, live. `payload` is its JSON object as it was stored.

    `seq` counts from 1 in its conversation, without a gap; `time` is RFC 3339 UTC. `payload` is
    None for an event that is too large to be queued: `Channel.pieces` reads it.
    """

    seq: int
    time: str
    payload: bytes | None

    @property
    def event(self) -> AgentEvent:
        """The event, decoded; only of one that has its payload."""
        assert self.payload is not None
        return event_of(self.payload)


class Replayed(Stored, kw_only=True):
    """A durable event from the store, which always has its payload."""


class Streamed(Envelope, kw_only=True):
    """An ephemeral event, live, with its JSON object."""

    event: AgentEvent
    payload: bytes


class Snapshot(Streamed, kw_only=True):
    """What there is so far of an item that is open, for a reader who has missed its beginning."""


class LogEntry(msgspec.Struct, kw_only=True):
    """An entry of one of the service's own logs; `seq` counts in that log."""

    type: str
    seq: int
    time: str
    payload: bytes
