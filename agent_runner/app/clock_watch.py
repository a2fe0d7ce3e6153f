"""Moves what waits along when the wall clock is set, so that nothing is over for that alone."""

from __future__ import annotations

import anyio
import structlog

from agent_runner.approvals.service import ApprovalService
from agent_runner.clock import Clock
from agent_runner.routing.toggles import Toggles
from conversation_store.interfaces import Store

log = structlog.get_logger(__name__)

CHECK_S = 1.0


async def watch_clock(
    clock: Clock, store: Store, toggles: Toggles, approvals: ApprovalService
) -> None:
    """Look every CHECK_S; runs for ever. A store that cannot be written is tried again."""
    while True:
        await anyio.sleep(CHECK_S)
        if by := clock.set_by():
            await follow(clock, store, by)
            await toggles.load()
            toggles.wake()
            approvals.wake()


async def follow(clock: Clock, store: Store, by: float) -> None:
    """Move the clock and what waits by it, in the order in which nothing is over between."""
    moved = await store.deadlines.move(by, now=clock.now()) if by > 0 else 0
    before = clock.now()
    clock.follow(by)
    if by < 0:
        try:
            moved = await store.deadlines.move(by, now=before)
        except BaseException:
            clock.follow(-by)
            raise
    log.warning("clock_was_set", seconds=round(by, 3), deadlines_moved=moved)
