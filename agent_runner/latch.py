"""An event that most set, or forget, without anybody having waited for it."""

from __future__ import annotations

import asyncio

import anyio


class Latch:
    """What an `anyio.Event` is, with a fifth of its calls: a run makes dozens of them."""

    def __init__(self) -> None:
        self._set = False
        self._waiting: list[asyncio.Future[None]] = []

    def set(self) -> None:
        """Let all go on that wait, or will."""
        self._set = True
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def is_set(self) -> bool:
        """True once it was set."""
        return self._set

    async def wait(self) -> None:
        """Return when it is set."""
        if self._set:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        finally:
            self._waiting.remove(future)


async def first_of(*latches: Latch) -> None:
    """Return when one of them is set."""
    async with anyio.create_task_group() as tasks:

        async def wait(latch: Latch) -> None:
            await latch.wait()
            tasks.cancel_scope.cancel()

        for latch in latches:
            tasks.start_soon(wait, latch)
