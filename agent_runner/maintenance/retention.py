"""What is forgotten after its time: the outputs of comparisons, and tickets that are over."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

import structlog

from agent_runner import wire
from agent_runner.clock import Clock
from agent_runner.settings import MaintenanceSettings
from conversation_store.interfaces import Store

log = structlog.get_logger(__name__)

AT_ONCE = 50
_DAY_S = 86_400


class _Forget(Protocol):
    def __call__(self, *, before: str, limit: int) -> Awaitable[int]: ...


class Retention:
    """Forgets a few rows at a time, so that runs write in between."""

    def __init__(
        self, store: Store, settings: MaintenanceSettings, clock: Clock | None = None
    ) -> None:
        self._store = store
        self._clock = clock or Clock()
        self._settings = settings

    async def forget(self) -> tuple[int, int]:
        """How many comparisons lost their outputs, and how many tickets were removed."""
        settings, now = self._settings, self._clock.for_ages()
        outputs = await _all(self._store.comparisons.empty_old, now, settings.keep_outputs_days)
        tickets = await _all(self._store.tickets.delete_old, now, settings.keep_tickets_days)
        if outputs or tickets:
            log.info("old_rows_forgotten", comparison_outputs=outputs, tickets=tickets)
        return outputs, tickets


async def _all(forget: _Forget, now: str, days: int) -> int:
    before = wire.later(now, -days * _DAY_S)
    total = 0
    while count := await forget(before=before, limit=AT_ONCE):
        total += count
    return total
