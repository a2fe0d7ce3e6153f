"""A copy of the database while it is in use, checked before it counts as a backup."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from conversation_store import connection as connections
from conversation_store.errors import StoreCorruptError, StoreFullError
from conversation_store.integrity.backups import backup_name

_MARGIN_BYTES = 16 << 20


def back_up(connection: sqlite3.Connection, folder: Path, stamp: str) -> Path:
    """Copy the database to `folder` as the backup of `stamp`; returns its path.

    One consistent snapshot; writers go on meanwhile. StoreFullError if the disk has no room
    to spare for it.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    pages, page = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in _SIZE_PRAGMAS
    )
    if shutil.disk_usage(folder).free < pages * page + _MARGIN_BYTES:
        raise StoreFullError(
            "disk_full", f"a backup of {pages * page} bytes has no room to spare in {folder}"
        )
    path = folder / backup_name(stamp)
    copy_database(connection, path)
    return path


_SIZE_PRAGMAS = ("page_count", "page_size")


def copy_database(source: sqlite3.Connection, path: Path) -> None:
    """Copy a database to `path` (mode 0600), where it appears whole and verified, or not at all.

    StoreCorruptError if it is damaged.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        target = sqlite3.connect(partial, isolation_level=None, factory=connections.PLAIN)
        with closing(target):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreCorruptError("database_corrupt", f"the database is damaged ({found})")
        to_disk(partial)
        partial.replace(path)
        to_disk(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Have what was written to a file, or renamed in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
