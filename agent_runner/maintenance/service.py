"""Checks, cleans up, shrinks and backs up: the same in the service and without it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio
import msgspec
import structlog
from anyio import to_thread

from agent_runner import wire
from agent_runner.errors import UnavailableError
from agent_runner.maintenance.raw_files import compare, raw_files
from agent_runner.maintenance.removed_rows import RemovedRows
from agent_runner.maintenance.reports import (
    BackupReport,
    BackupStats,
    CheckReport,
    CleanupReport,
    StatsReport,
    VacuumReport,
    check_report,
)
from conversation_store.errors import StoreUnusableError
from conversation_store.findings import Finding, FindingCode, Repair
from conversation_store.interfaces import Integrity

log = structlog.get_logger(__name__)

R = TypeVar("R")

_SECOND_LOOK_S = 1.0


class Folders(Protocol):
    """Where the state folder has what this works on."""

    database: Path
    raw: Path
    backups: Path
    repairs: Path


class Database(Protocol):
    """A store, or one that nobody has opened."""

    @property
    def integrity(self) -> Integrity:
        """What this works with."""
        ...


class Maintenance:
    """One thing at a time; UnavailableError `maintenance_failed` if the system refuses.

    `living` says whether a run is in somebody's hands, and `give_up`, which only the service
    has, ends one that is in nobody's. A `store` that is not open for `writing` it may check, back
    up and measure; the database is then nobody's.
    """

    def __init__(
        self,
        folders: Folders,
        *,
        keep_backups: int,
        store: Database,
        writing: bool = True,
        living: Callable[[str], bool] = lambda _: False,
        give_up: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._folders = folders
        self._keep_backups = keep_backups
        self._integrity = store.integrity
        self._writing = writing
        self._living = living
        self._give_up = give_up
        self._busy = anyio.Lock()

    async def check(self, copy: Path | None = None) -> CheckReport:
        """Look at everything; changes nothing. What takes long is looked for in a fresh `copy`."""
        async with self._alone() as begun:
            report = check_report(await self._findings(copy), wire.now(), _since(begun))
            await self._note("check", report)
        return report

    async def clean_up(self) -> CleanupReport:
        """Repair what is provable, and look again; what is removed or changed is kept first."""
        async with self._alone() as begun:
            with closing(RemovedRows(self._folders.repairs, _stamp())) as removed_rows:
                repaired = await self._integrity.repair(removed_rows)
                for finding in await self._findings():
                    if finding.repairable:
                        repaired += await self._clean(finding, removed_rows)
            left = check_report(await self._findings(), wire.now(), _since(begun))
            report = CleanupReport(
                finished_at=left.finished_at,
                duration_ms=left.duration_ms,
                ok=left.ok,
                repaired=repaired,
                left=left,
                kept=str(removed_rows.path) if removed_rows.path else None,
            )
            await self._note("cleanup", report)
        return report

    async def vacuum(self) -> VacuumReport:
        """Give free pages back to the disk; nothing is written meanwhile."""
        async with self._alone() as begun:
            before = self._folders.database.stat().st_size
            await self._integrity.vacuum()
            report = VacuumReport(
                finished_at=wire.now(),
                duration_ms=_since(begun),
                bytes_before=before,
                bytes_after=self._folders.database.stat().st_size,
            )
            await self._note("vacuum", report)
        return report

    async def back_up(self) -> BackupReport:
        """Make a verified backup, then remove the oldest ones over the number to keep."""
        async with self._alone() as begun:
            path = await self._integrity.back_up(self._folders.backups, _stamp())
            old = self._integrity.backups(self._folders.backups)[self._keep_backups :]
            for backup in old:
                backup.unlink(missing_ok=True)
            report = BackupReport(
                finished_at=wire.now(),
                duration_ms=_since(begun),
                path=str(path),
                bytes=path.stat().st_size,
                removed=[str(backup) for backup in old],
            )
            await self._note("backup", report)
        return report

    def newest_backup_time(self) -> datetime | None:
        """When the newest backup was made, in local time; None if there is none."""
        for backup in self._integrity.backups(self._folders.backups):
            with suppress(FileNotFoundError):
                return datetime.fromtimestamp(backup.stat().st_mtime).astimezone()
        return None

    async def last_check(self) -> CheckReport | None:
        """The report of the last check, whoever made it."""
        return _as(CheckReport, await self._integrity.last(), "check")

    async def stats(self) -> StatsReport:
        """Figures, and what was last done."""
        database = await self._integrity.stats()
        kept = self._integrity.backups(self._folders.backups)
        last = await self._integrity.last()
        return StatsReport(
            database=database,
            backups=BackupStats(
                count=len(kept),
                bytes=sum(map(_size, kept)),
                newest=str(kept[0]) if kept else None,
            ),
            last_check=_as(CheckReport, last, "check"),
            last_cleanup=_as(CleanupReport, last, "cleanup"),
            last_vacuum=_as(VacuumReport, last, "vacuum"),
            last_backup=_as(BackupReport, last, "backup"),
        )

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[float]:
        """One thing at a time, from the monotonic time that is yielded on."""
        async with self._busy:
            try:
                yield time.monotonic()
            except OSError as error:
                raise UnavailableError("maintenance_failed", str(error)) from error

    async def _findings(self, copy: Path | None = None) -> list[Finding]:
        found = await self._integrity.check(copy)
        if any(finding.code is FindingCode.DAMAGED_PAGES for finding in found):
            return found
        return [*found, *await self._stuck_runs(), *await self._raw_findings()]

    async def _stuck_runs(self) -> list[Finding]:
        """Runs that are not over and in nobody's hands, at two looks."""
        suspects = await self._unowned()
        if suspects and self._give_up is not None:
            await anyio.sleep(_SECOND_LOOK_S)
            suspects &= await self._unowned()
        detail = "nothing drives it"
        if self._give_up is None:
            detail += "; the service settles it at its next start"
        return [
            Finding(
                code=FindingCode.STUCK_RUN,
                subject=run_id,
                detail=detail,
                repairable=self._give_up is not None,
            )
            for run_id in sorted(suspects)
        ]

    async def _unowned(self) -> set[str]:
        runs = await self._integrity.runs_not_over()
        return {run_id for run_id in runs if not self._living(run_id)}

    async def _raw_findings(self) -> list[Finding]:
        files = await to_thread.run_sync(raw_files, self._folders.raw)
        states = await self._integrity.run_states()
        return await to_thread.run_sync(compare, self._folders.raw, files, states)

    async def _clean(self, finding: Finding, removed_rows: RemovedRows) -> list[Repair]:
        if finding.code is FindingCode.RAW_WITHOUT_RUN:
            move = partial(removed_rows.keep_file, Path(finding.subject))
            action = f"moved to {await to_thread.run_sync(move)}"
        elif finding.code is FindingCode.STUCK_RUN and self._give_up is not None:
            await self._give_up(finding.subject)
            action = "ended as interrupted"
        else:
            return []
        return [Repair(code=finding.code, subject=finding.subject, action=action)]

    async def _note(
        self, kind: str, report: CheckReport | CleanupReport | VacuumReport | BackupReport
    ) -> None:
        if self._give_up is not None:
            tell = log.info if getattr(report, "ok", True) else log.warning
            tell(f"database_{kind}", **_told(report))
        if self._writing:
            try:
                await self._integrity.note(kind, report, now=report.finished_at)
            except StoreUnusableError as error:
                log.warning("report_not_stored", kind=kind, code=error.code)


def _told(report: Any) -> dict[str, Any]:
    """The plain fields of a report, for a line of the log."""
    fields = msgspec.structs.asdict(report)
    return {name: value for name, value in fields.items() if isinstance(value, str | int | dict)}


def _as(kind: type[R], last: dict[str, Any], name: str) -> R | None:
    return msgspec.convert(last[name], kind) if name in last else None


def _size(path: Path) -> int:
    """Its bytes; 0 if it is gone meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


def _stamp() -> str:
    """The present time as part of a file name: `20260102T030405.678Z`."""
    return wire.now().replace("-", "").replace(":", "")
