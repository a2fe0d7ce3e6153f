"""Waiting for what comes by a descriptor, again and again."""

from __future__ import annotations

import asyncio


class Readable:
    """Tells when there is something to read, for one waiter at a time.

    The event loop watches the descriptor from the first wait on, and on: to begin and to end
    that for each piece, as `anyio.wait_readable` does, costs more than the piece. While
    nobody waits and there is something, it does not watch.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Return when a read would not wait."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        if self._loop is None:
            loop.add_reader(self._descriptor, self._ready)
            self._loop = loop
        await self._waiter

    def close(self) -> None:
        """Do not watch any more; to be called before the descriptor is closed."""
        if self._loop is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop = None

    def _ready(self) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()
        else:
            self._waiter.set_result(None)
