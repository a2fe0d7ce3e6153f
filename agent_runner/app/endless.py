"""Work that goes on for as long as the service does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import structlog

log = structlog.get_logger(__name__)

PAUSE_S = 1.0


async def endless(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Begin `work` again whenever it fails: what it looks after must not end the service."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("background_work_failed", work=name)
        await anyio.sleep(PAUSE_S)
