"""What happens to approvals, as a stream that can be resumed."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio

from conversation_store.approvals import Approvals
from conversation_store.records import ApprovalEventRecord

PAGE = 200


class Feed:
    """Listeners read the store's log and are woken when it has grown: no gap, no duplicate."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals
        self._grown = anyio.Event()
        self._closed = False

    def grown(self) -> None:
        """Something was committed to the log."""
        grown, self._grown = self._grown, anyio.Event()
        grown.set()

    async def listen(self, after: int) -> AsyncGenerator[bytes, None]:
        """Frames of the events after event `after`, then live for ever."""
        while not self._closed:
            grown = self._grown
            while events := await self._approvals.events(after=after, limit=PAGE):
                yield b"".join(_frame(event) for event in events)
                after = events[-1].seq
            await grown.wait()

    def close(self) -> None:
        """End every listener's stream."""
        self._closed = True
        self.grown()


def _frame(event: ApprovalEventRecord) -> bytes:
    head = f'id: {event.seq}\nevent: {event.type}\ndata: {{"seq":{event.seq},"time":"{event.time}",'
    return b"".join((head.encode(), event.payload[1:], b"\n\n"))
