"""Puts a backup in the place of the database, and keeps what was there."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from conversation_store.errors import StoreUnusableError
from conversation_store.sqlite.faults import fault_of
from conversation_store.sqlite.integrity.backup import (
    copy_database,
    keep,
    to_disk,
    unfinished,
    verify,
)
from conversation_store.sqlite.migrate import check_version


def restore(backup: Path, database: Path, aside: Path) -> list[Path]:
    """Make `backup` the database; what was there is kept in the folder `aside` and returned.

    For a stopped service. StoreUnusableError, and nothing changed, if the backup is damaged,
    newer than this code, or none. Killed midway, it leaves the present database or the
    backup in place, and running it again finishes it.
    """
    new = database.with_name(f"{database.name}.new")
    try:
        with closing(sqlite3.connect(f"{backup.absolute().as_uri()}?mode=ro", uri=True)) as source:
            if check_version(source) < 1 or not _is_ours(source):
                raise StoreUnusableError("not_a_backup", f"{backup} is no database of this service")
            _copy(source, new)
    except sqlite3.DatabaseError as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise fault.refusal(backup) from error
    kept = _keep(database, aside)
    # A log that stayed would be taken for that of the backup.
    for part in ("-wal", "-shm"):
        database.with_name(f"{database.name}{part}").unlink(missing_ok=True)
    new.replace(database)
    to_disk(database.parent)
    return kept


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """A verified copy at `path`, or none."""
    with unfinished(path) as partial:
        copy_database(source, partial)
        with closing(sqlite3.connect(partial)) as copy:
            verify(copy)
        keep(partial, path)


def _is_ours(connection: sqlite3.Connection) -> bool:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    return {"agents", "conversations", "runs", "events"} <= tables


def _keep(database: Path, aside: Path) -> list[Path]:
    """The present database and its log under a second name each, still in their place."""
    aside.mkdir(mode=0o700, parents=True)
    kept = []
    for name in (database.name, f"{database.name}-wal"):
        if (present := database.with_name(name)).exists():
            os.link(present, aside / name)
            kept.append(aside / name)
    # With its log folded in, the file is whole also if this is killed before the end. Of a
    # damaged database SQLite may remove the log here, which is why it has its second name.
    with suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=0)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    to_disk(aside)
    return kept
