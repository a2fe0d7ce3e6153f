"""What is done on a connection's thread between the steps of a work that takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue


class GivenUpError(Exception):
    """Nobody waits for the work any more."""


class Steps:
    """One work's: calls from the event loop, done in their order."""

    def __init__(self) -> None:
        self.over = False
        self._calls: SimpleQueue[tuple[Future[None], Callable[[], None]]] = SimpleQueue()

    async def between(self, call: Callable[[], None]) -> None:
        """Have `call` done before the next step; raises what it raises."""
        future: Future[None] = Future()
        self._calls.put((future, call))
        await asyncio.wrap_future(future)

    def give_way(self) -> None:
        """Do what waits; on the thread. GivenUpError if the work is to end."""
        if self.over:
            raise GivenUpError
        self.catch_up()

    def catch_up(self) -> None:
        """Do what waits; on the thread."""
        while not self._calls.empty():
            future, call = self._calls.get()
            if future.set_running_or_notify_cancel():
                try:
                    call()
                except BaseException as error:  # it is its caller's
                    future.set_exception(error)
                else:
                    future.set_result(None)
