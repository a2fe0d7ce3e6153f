"""The answers of the integrity routes."""

from __future__ import annotations

from agent_runner.api.replies import Reply


class FindingReply(Reply):
    """One thing that is wrong; runbooks/database.md explains each code."""

    code: str
    subject: str
    detail: str
    repairable: bool


class CheckReply(Reply):
    """A check: the first findings, and the count of all by code."""

    finished_at: str
    duration_ms: int
    ok: bool
    counts: dict[str, int]
    findings: list[FindingReply]


class LastCheckReply(Reply):
    """The last check; null before the first."""

    last: CheckReply | None


class RepairReply(Reply):
    """One finding that was repaired."""

    code: str
    subject: str
    action: str


class CleanupReply(Reply):
    """A repair: what was done, what a check then found, the file with what was removed."""

    finished_at: str
    duration_ms: int
    ok: bool
    repaired: list[RepairReply]
    left: CheckReply
    kept: str | None


class VacuumReply(Reply):
    """The size of the database file before and after."""

    finished_at: str
    duration_ms: int
    bytes_before: int
    bytes_after: int


class BackupReply(Reply):
    """A backup, and the older ones that were removed for it."""

    finished_at: str
    duration_ms: int
    path: str
    bytes: int
    removed: list[str]


class LeaseReply(Reply):
    """The service that owns the database."""

    owner: str
    boot_id: str
    epoch: int
    since: str


class DatabaseReply(Reply):
    """The database file: sizes in bytes, pages, rows by table."""

    path: str
    bytes: int
    wal_bytes: int
    page_bytes: int
    pages: int
    free_pages: int
    schema_version: int
    rows: dict[str, int]
    lease: LeaseReply | None


class BackupsReply(Reply):
    """The folder of backups."""

    count: int
    bytes: int
    newest: str | None


class ReconciliationReply(Reply):
    """What this service found of an earlier one at its start, and what became of it."""

    at: str
    processes_found_dead: int
    processes_ended: int
    processes_not_ended: list[int]
    runs_interrupted: int
    runs_resumed: int
    duration_ms: int


class StatsReply(Reply):
    """The database, its backups, the last report of each kind, and of the start."""

    database: DatabaseReply
    backups: BackupsReply
    last_check: CheckReply | None
    last_cleanup: CleanupReply | None
    last_vacuum: VacuumReply | None
    last_backup: BackupReply | None
    reconciliation: ReconciliationReply
