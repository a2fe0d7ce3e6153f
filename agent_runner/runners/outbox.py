"""What is on its way to a program's stdin: written in order, and with a deadline."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress

from agent_runner.process.child import Buffer, Child

WRITE_TIMEOUT_S = 60.0


class Outbox:
    """Takes bytes at once and writes them as the program reads, so that reading never waits.

    They are written where they are sent, as far as the pipe has room. `full` is called when it
    has none left: some task must `write` then.
    """

    def __init__(self, child: Child, full: Callable[[], None]) -> None:
        self._child = child
        self._full = full
        self._waiting: deque[Buffer | None] = deque()

    @property
    def empty(self) -> bool:
        """True while nothing waits for the program to read."""
        return not self._waiting

    def send(self, data: bytes) -> None:
        """Write or queue bytes; what the program no longer takes is dropped."""
        view = memoryview(data)
        if self.empty:
            try:
                view = view[self._child.write_some(view) :]
            except BrokenPipeError:
                return
        if view:
            self._queue(view)

    def close(self) -> None:
        """End the program's input after what is queued."""
        if self.empty:
            self._child.close_stdin()
        else:
            self._queue(None)

    async def write(self) -> None:
        """Write what is queued, until nothing is.

        TimeoutError if the program lives and has not read for WRITE_TIMEOUT_S seconds.
        """
        while self._waiting:
            data = self._waiting[0]
            if data is None:
                self._child.close_stdin()
            else:
                with suppress(BrokenPipeError):
                    await self._child.write(data, timeout=WRITE_TIMEOUT_S)
            self._waiting.popleft()

    def _queue(self, data: Buffer | None) -> None:
        self._waiting.append(data)
        if len(self._waiting) == 1:
            self._full()
