"""What a stream dialect is: envelopes in, bytes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from agent_runner.events.envelope import Envelope, LogEntry, Snapshot, Stored


class Dialect(ABC):
    """The state of one stream: of a conversation, or of its run `run_id` alone.

    `name` is what `?dialect=` asks for; `media_type` is what it writes. The stream ends behind the
    first event of a type in `ends_after`: that of a run with the run, a conversation's never.

    Every frame ends in `frame_end`. `heartbeat`, which may come between two frames, tells nothing.
    Both are those of server-sent events unless the dialect says otherwise. One that is not
    `registered` cannot be asked for.
    """

    name: ClassVar[str]
    media_type: ClassVar[str]
    frame_end: ClassVar[bytes] = b"\n\n"
    heartbeat: ClassVar[bytes] = b": heartbeat\n\n"
    registered: ClassVar[bool] = True

    def __init_subclass__(cls, *, registered: bool = True) -> None:
        cls.registered = registered

    def __init__(self, run_id: str | None = None) -> None:
        self.ends_after = frozenset(() if run_id is None else ("run.finished",))

    @abstractmethod
    def encode(self, envelope: Envelope) -> bytes:
        """The frames of a stored or streamed event; empty for one that it does not tell."""

    @abstractmethod
    def snapshot(self, snapshot: Snapshot) -> bytes:
        """What a reader gets who has missed the beginning of an open item."""

    def around(self, envelope: Stored) -> tuple[bytes, bytes] | None:
        """What comes before and after the JSON of a large event, without its first byte.

        None if the dialect has to `encode` it, whatever its size.
        """
        return None


class LogDialect(ABC):
    """A dialect of the service's own logs, which have no runs and no end."""

    @abstractmethod
    def entry(self, entry: LogEntry) -> bytes:
        """The frame of an entry."""
