"""Tells when the event loop is held up, and where: nothing else in the service can."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import structlog

log = structlog.get_logger(__name__)

LONGEST_S = 1.0
_BEAT_S = 0.2
_STACK_LINES = 6


@asynccontextmanager
async def watch_loop(longest: float = LONGEST_S) -> AsyncIterator[None]:
    """A task beats, a thread listens; a silence over `longest` seconds is logged once."""
    watch = _LoopWatch(longest)
    listener = threading.Thread(target=watch.listen, name="loop-watch", daemon=True)
    listener.start()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.beat)
            yield
            tasks.cancel_scope.cancel()
    finally:
        watch.over.set()
        listener.join()


class _LoopWatch:
    def __init__(self, longest: float) -> None:
        self.over = threading.Event()
        self._longest = longest
        self._thread = threading.get_ident()
        self._beat = time.monotonic()

    async def beat(self) -> None:
        while True:
            self._beat = time.monotonic()
            await anyio.sleep(_BEAT_S)

    def listen(self) -> None:
        told = 0.0
        while not self.over.wait(_BEAT_S):
            beat = self._beat
            silent = time.monotonic() - beat
            if silent > self._longest and told != beat:
                told = beat
                with contextlib.suppress(Exception):  # the next silence is looked for in any case
                    log.warning("event_loop_blocked", seconds=round(silent, 1), at=self._stack())

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._thread)
        lines = traceback.extract_stack(frame)[-_STACK_LINES:]
        return " < ".join(
            f"{line.name} ({line.filename}:{line.lineno})" for line in reversed(lines)
        )
