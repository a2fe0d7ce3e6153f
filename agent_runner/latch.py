"""An event that most set, or forget, without anybody having waited for it."""

from __future__ import annotations

import anyio


class Latch:
    """An `anyio.Event` that is made at the first wait: a run has many that nobody waits for."""

    def __init__(self) -> None:
        self._set = False
        self._event: anyio.Event | None = None

    def set(self) -> None:
        """Let all go on that wait, or will."""
        self._set = True
        if self._event is not None:
            self._event.set()

    def is_set(self) -> bool:
        """True once it was set."""
        return self._set

    async def wait(self) -> None:
        """Return when it is set."""
        if self._set:
            return
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()
