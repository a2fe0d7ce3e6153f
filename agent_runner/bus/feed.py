"""A log of the store as a stream that can be resumed: approvals, toggles."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from agent_runner.events.envelope import LogEntry
from agent_runner.latch import Latch

PAGE = 200


class Entry(Protocol):
    """One event of a log; `payload` is its JSON object, encoded."""

    @property
    def seq(self) -> int:
        """Its place, and its id on the stream."""
        ...

    @property
    def type(self) -> str:
        """What happened."""
        ...

    @property
    def time(self) -> str:
        """When, in RFC 3339 UTC."""
        ...

    @property
    def payload(self) -> bytes:
        """The event as JSON, without its place in the log."""
        ...


class Log(Protocol):
    """Where the events are kept."""

    async def events(self, *, after: int, limit: int) -> Sequence[Entry]:
        """Those after event `after`, oldest first."""
        ...


class Feed:
    """Listeners read the store's log and are woken when it has grown: no gap, no duplicate."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._grown = Latch()
        self._closed = False

    def grown(self) -> None:
        """Something was committed to the log."""
        grown, self._grown = self._grown, Latch()
        grown.set()

    async def subscribe(self, after: int) -> AsyncGenerator[list[LogEntry], None]:
        """The entries after entry `after`, several at a time, then live for ever."""
        while not self._closed:
            grown = self._grown
            while events := await self._log.events(after=after, limit=PAGE):
                yield [
                    LogEntry(type=one.type, seq=one.seq, time=one.time, payload=one.payload)
                    for one in events
                ]
                after = events[-1].seq
            await grown.wait()

    def close(self) -> None:
        """End every listener's stream."""
        self._closed = True
        self.grown()
