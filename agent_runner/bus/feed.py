"""A log of the store as a stream that can be resumed: approvals, toggles."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
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
        self._wakes: set[Callable[[], None]] = set()

    @property
    def closed(self) -> bool:
        """True once the service ends."""
        return self._closed

    def grown(self) -> None:
        """Something was committed to the log."""
        grown, self._grown = self._grown, Latch()
        grown.set()
        for wake in self._wakes:
            wake()

    def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever the log has grown, until `unwatch`."""
        self._wakes.add(wake)

    def unwatch(self, wake: Callable[[], None]) -> None:
        """Call it no more."""
        self._wakes.discard(wake)

    async def page(self, after: int) -> list[LogEntry]:
        """The first entries after entry `after`."""
        return [
            LogEntry(type=one.type, seq=one.seq, time=one.time, payload=one.payload)
            for one in await self._log.events(after=after, limit=PAGE)
        ]

    async def subscribe(self, after: int) -> AsyncGenerator[list[LogEntry], None]:
        """The entries after entry `after`, several at a time, then live for ever."""
        while not self._closed:
            grown = self._grown
            while entries := await self.page(after):
                yield entries
                after = entries[-1].seq
            await grown.wait()

    def close(self) -> None:
        """End every listener's stream."""
        self._closed = True
        self.grown()
