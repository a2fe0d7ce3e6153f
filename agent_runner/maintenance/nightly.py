"""What is done by itself once a night: back up, check, clear, and shrink if it is worth it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import structlog

from agent_runner import wire
from agent_runner.errors import UnavailableError
from agent_runner.maintenance.retention import Retention
from agent_runner.maintenance.service import Maintenance
from agent_runner.troubles import Trouble
from conversation_store.errors import StoreError
from conversation_store.records import DatabaseStats

log = structlog.get_logger(__name__)

_LOOK_S = 60.0
_APART_S = 20 * 3600.0
_APART = timedelta(seconds=_APART_S)
_UP_S = 3600.0
_OVERDUE = timedelta(hours=36)
_WORTH_BYTES = 16 << 20
_WORTH_PART = 0.25


class Nightly:
    """When it is due: in the chosen local hour, or when the last time is too long ago.

    The second is for machines that are always off at the hour, once the service is up for a
    while. How often it may be due is monotonic: a clock that is set, to summer time or by a
    day, brings it forward at most once, and never twice in a night. Times are in seconds.
    """

    def __init__(self, hour: int, last: datetime | None, monotonic: float) -> None:
        self._hour = hour
        self._last = last
        self._started = monotonic
        self._done: float | None = None
        self._failed: Trouble | None = None

    @classmethod
    def after(cls, hour: int, maintenance: Maintenance) -> Nightly:
        """After what an earlier service has done."""
        return cls(hour, maintenance.newest_backup_time(), _elapsed())

    def due(self, local: datetime, monotonic: float) -> bool:
        """True if it is to be done now."""
        ago = local - self._last if self._last is not None else None
        if self._done is not None:
            recent = monotonic - self._done < _APART_S
        else:  # by an earlier service, then
            recent = ago is not None and timedelta(0) <= ago < _APART
        if recent:
            return False
        overdue = ago is None or ago > _OVERDUE
        return local.hour == self._hour or (overdue and monotonic - self._started > _UP_S)

    def done(self, local: datetime, monotonic: float) -> None:
        """Note that it was done."""
        self._last = local
        self._done = monotonic

    def ended(self, reason: str | None) -> None:
        """Note how it ended: well, or why not."""
        before, self._failed = self._failed, None
        if reason is not None:
            self._failed = Trouble(
                code="maintenance_failed",
                what="maintenance",
                since=before.since if before is not None else wire.now(),
                count=before.count + 1 if before is not None else 1,
                detail=reason,
            )

    def troubles(self) -> Iterator[Trouble]:
        """That the last night did not end well, until one does."""
        if self._failed is not None:
            yield self._failed


async def every_night(
    nightly: Nightly, maintenance: Maintenance, retention: Retention, idle: Callable[[], bool]
) -> None:
    """Do it whenever it is due; runs for ever. `idle` says that nothing runs, to shrink then."""
    while True:
        await anyio.sleep(_LOOK_S)
        if nightly.due(_local(), _elapsed()):
            nightly.done(_local(), _elapsed())
            nightly.ended("it was not finished")
            nightly.ended(await one_night(maintenance, retention, idle))


async def one_night(
    maintenance: Maintenance, retention: Retention, idle: Callable[[], bool]
) -> str | None:
    """Back up, check the backup, forget what is old, shrink.

    A check of the database itself would keep its log growing under load: it is made if there
    is no backup to check, and then nothing is forgotten. A failure is told, and returned.
    """
    backup: Path | None = None
    try:
        try:
            backup = Path((await maintenance.back_up()).path)
        finally:
            await _check(maintenance, backup)
        await retention.forget()
        if worthwhile((await maintenance.stats()).database) and idle():
            await maintenance.vacuum()
    except (StoreError, UnavailableError, OSError) as error:
        log.error("nightly_maintenance_failed", error=str(error))
        return str(error)
    return None


async def _check(maintenance: Maintenance, backup: Path | None) -> None:
    check = await maintenance.check(backup)
    if not check.ok:
        log.error("database_needs_care", counts=check.counts, runbook="runbooks/database.md")


def _elapsed() -> float:
    """A clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _local() -> datetime:
    return datetime.now().astimezone()


def worthwhile(database: DatabaseStats) -> bool:
    """True if a vacuum gives back a good part, and the disk has the room that it takes."""
    free = database.free_pages * database.page_bytes
    room = shutil.disk_usage(database.path).free
    return (
        free >= _WORTH_BYTES
        and database.free_pages >= _WORTH_PART * database.pages
        and room > 2 * database.bytes
    )
