"""One listener's place in a conversation's stream: a bounded queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import anyio

from agent_runner.events.envelope import Envelope, Stored

MAX_QUEUED_BYTES = 1 << 20
_OVERHEAD = 256
"""What an envelope counts for beside its payload: about its head as a frame."""


class Subscriber:
    """Envelopes wait here, at most MAX_QUEUED_BYTES of them; frames that quicker readers have
    made of them count besides.

    `on_offer` is called when there is something to take, or there will be nothing.
    When they are too many, the ephemeral ones go first: `lost_pieces` then says that the
    reader needs a snapshot of the open items in their place. A reader that is too slow for
    the stored events alone is cut off, and resumes with the id of the last one it got.
    """

    def __init__(self, on_offer: Callable[[], None] | None = None) -> None:
        self._on_offer = on_offer
        self.overflowed = False
        self.lost_pieces = False
        self._queued: deque[Envelope] = deque()
        self._bytes = 0
        self._wake = anyio.Event()
        self._closed = False

    def offer(self, envelope: Envelope) -> None:
        """Queue an envelope, or cut this reader off if it is too far behind. Never waits."""
        if self._closed:
            return
        size = _size(envelope)
        if self._queued and self._bytes + size > MAX_QUEUED_BYTES:
            self._drop_ephemeral()
            if not isinstance(envelope, Stored):
                return
        if self._queued and self._bytes + size > MAX_QUEUED_BYTES:
            self.overflowed = True
            self.close()
            return
        self._bytes += size
        self._queued.append(envelope)
        self._rouse()

    @property
    def over(self) -> bool:
        """True once nothing is queued and nothing will be."""
        return self._closed and not self._queued

    def _rouse(self) -> None:
        self._wake.set()
        if self._on_offer is not None:
            self._on_offer()

    def _drop_ephemeral(self) -> None:
        self.lost_pieces = True
        self._queued = deque(one for one in self._queued if isinstance(one, Stored))
        self._bytes = sum(_size(one) for one in self._queued)

    async def take(self) -> list[Envelope]:
        """Everything queued, waiting for at least one; empty once closed."""
        while not self._queued and not self.lost_pieces and not self._closed:
            self._wake = anyio.Event()
            await self._wake.wait()
        return self.take_now()

    def take_now(self) -> list[Envelope]:
        """Everything queued; nothing after an overflow."""
        if self.overflowed:
            return []
        envelopes = list(self._queued)
        self._queued.clear()
        self._bytes = 0
        return envelopes

    def close(self) -> None:
        """No more envelopes; what is queued may still be taken, except after an overflow."""
        self._closed = True
        if self.overflowed:
            self._queued.clear()
        self._rouse()


def _size(envelope: Envelope) -> int:
    return _OVERHEAD if envelope.payload is None else _OVERHEAD + len(envelope.payload)
