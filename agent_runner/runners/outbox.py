"""What is on its way to a program's stdin: written in order, and with a deadline."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from agent_runner.latch import Latch
from agent_runner.process.child import Buffer, Child

WRITE_TIMEOUT_S = 60.0


class Outbox:
    """Takes bytes at once and writes them as the program reads, so that reading never waits.

    While nothing is under way they are written where they are sent, as far as the pipe has
    room: a prompt need not wait for the task that runs `write` to have its turn.
    """

    def __init__(self, child: Child) -> None:
        self._child = child
        self._waiting: deque[Buffer | None] = deque()
        self._wake = Latch()
        self._idle = False

    def send(self, data: bytes) -> None:
        """Write or queue bytes."""
        view = memoryview(data)
        if self._idle:
            with suppress(BrokenPipeError):  # met again, and dealt with, by `write`
                view = view[self._child.write_some(view) :]
        if view:
            self._queue(view)

    def close(self) -> None:
        """End the program's input after what is queued."""
        self._queue(None)

    async def write(self) -> None:
        """Write for ever; ends when the program no longer takes input.

        TimeoutError if it lives and has not read for WRITE_TIMEOUT_S seconds.
        """
        while True:
            while self._waiting:
                data = self._waiting.popleft()
                if data is None:
                    self._child.close_stdin()
                    continue
                try:
                    await self._child.write(data, timeout=WRITE_TIMEOUT_S)
                except BrokenPipeError:
                    return
            self._wake = Latch()
            self._idle = True
            await self._wake.wait()

    def _queue(self, data: Buffer | None) -> None:
        self._idle = False
        self._waiting.append(data)
        self._wake.set()
