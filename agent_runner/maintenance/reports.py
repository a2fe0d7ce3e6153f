"""What the work on the database came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from conversation_store.findings import Finding, Repair
from conversation_store.records import DatabaseStats, Record

MAX_LISTED = 200


class CheckReport(Record, frozen=True, kw_only=True):
    """`findings` lists at most MAX_LISTED; `counts` has all, by code."""

    finished_at: str
    duration_ms: int
    ok: bool
    counts: dict[str, int]
    findings: list[Finding]


def check_report(findings: Sequence[Finding], finished_at: str, duration_ms: int) -> CheckReport:
    """The report of a check."""
    return CheckReport(
        finished_at=finished_at,
        duration_ms=duration_ms,
        ok=not findings,
        counts=dict(Counter(finding.code for finding in findings)),
        findings=list(findings[:MAX_LISTED]),
    )


class CleanupReport(Record, frozen=True, kw_only=True):
    """`kept` is the file with all that was removed or changed; None if nothing was."""

    finished_at: str
    duration_ms: int
    ok: bool
    repaired: list[Repair]
    left: CheckReport
    kept: str | None


class VacuumReport(Record, frozen=True, kw_only=True):
    """Bytes of the database file before and after."""

    finished_at: str
    duration_ms: int
    bytes_before: int
    bytes_after: int


class BackupReport(Record, frozen=True, kw_only=True):
    """`removed` are the older backups that made room for this one."""

    finished_at: str
    duration_ms: int
    path: str
    bytes: int
    removed: list[str]


class BackupStats(Record, frozen=True, kw_only=True):
    """The folder of backups."""

    count: int
    bytes: int
    newest: str | None


class StatsReport(Record, frozen=True, kw_only=True):
    """The database, its backups, and the last report of each kind."""

    database: DatabaseStats
    backups: BackupStats
    last_check: CheckReport | None
    last_cleanup: CleanupReport | None
    last_vacuum: VacuumReport | None
    last_backup: BackupReport | None
