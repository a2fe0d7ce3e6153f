"""What is on its way to a program's stdin: written in order, by one task, with a deadline."""

from __future__ import annotations

from collections import deque

import anyio

from agent_runner.process.child import Child

WRITE_TIMEOUT_S = 60.0


class Outbox:
    """Takes bytes at once and writes them as the program reads, so that reading never waits."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._waiting: deque[bytes | None] = deque()
        self._wake = anyio.Event()

    def send(self, data: bytes) -> None:
        """Queue bytes."""
        self._waiting.append(data)
        self._wake.set()

    def close(self) -> None:
        """End the program's input after what is queued."""
        self._waiting.append(None)
        self._wake.set()

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
            self._wake = anyio.Event()
            await self._wake.wait()
