"""One listener's place in a conversation's stream: a bounded queue."""

from __future__ import annotations

from collections import deque

import anyio

from agent_runner.bus.frames import Frame

MAX_QUEUED_BYTES = 1 << 20
_FRAME_OVERHEAD = 64


class Subscriber:
    """Frames wait here, at most MAX_QUEUED_BYTES of them.

    When they are too many, the ephemeral ones go first: `lost_pieces` then says that the
    reader needs a snapshot of the open items in their place. A reader that is too slow for
    the stored events alone is cut off, and resumes with the id of the last one it got.
    """

    def __init__(self) -> None:
        self.overflowed = False
        self.lost_pieces = False
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._wake = anyio.Event()
        self._closed = False

    def offer(self, frame: Frame) -> None:
        """Queue a frame, or cut this reader off if it is too far behind. Never waits."""
        if self._closed:
            return
        size = _size(frame)
        if self._frames and self._bytes + size > MAX_QUEUED_BYTES:
            self._drop_ephemeral()
            if frame.seq is None:
                return
        if self._frames and self._bytes + size > MAX_QUEUED_BYTES:
            self.overflowed = True
            self.close()
            return
        self._bytes += size
        self._frames.append(frame)
        self._wake.set()

    def _drop_ephemeral(self) -> None:
        self.lost_pieces = True
        self._frames = deque(frame for frame in self._frames if frame.seq is not None)
        self._bytes = sum(_size(frame) for frame in self._frames)

    async def take(self) -> list[Frame]:
        """Everything queued, waiting for at least one; empty once closed."""
        while not self._frames and not self.lost_pieces and not self._closed:
            self._wake = anyio.Event()
            await self._wake.wait()
        if self.overflowed:
            return []
        frames = list(self._frames)
        self._frames.clear()
        self._bytes = 0
        return frames

    def close(self) -> None:
        """No more frames; what is queued may still be taken, except after an overflow."""
        self._closed = True
        if self.overflowed:
            self._frames.clear()
        self._wake.set()


def _size(frame: Frame) -> int:
    return _FRAME_OVERHEAD + (len(frame.data) if frame.data is not None else 0)
