"""A copy of the database while it is in use, checked before it counts as a backup."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from conversation_store.errors import StoreCorruptError, StoreFullError
from conversation_store.sqlite import connection as connections
from conversation_store.sqlite.steps import Steps

_MARGIN_BYTES = 16 << 20
_SIZE_PRAGMAS = ("page_count", "page_size")
_STEP_PAGES = 256


def need_room(connection: sqlite3.Connection, folder: Path) -> None:
    """StoreFullError if the disk of `folder` has no room to spare for a copy."""
    pages, page = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in _SIZE_PRAGMAS
    )
    if shutil.disk_usage(folder).free < pages * page + _MARGIN_BYTES:
        raise StoreFullError(
            "disk_full", f"a backup of {pages * page} bytes has no room to spare in {folder}"
        )


def copy_database(source: sqlite3.Connection, path: Path, steps: Steps | None = None) -> None:
    """Copy one consistent moment of a database to `path` (mode 0600), unverified.

    With `steps`, `source` is the only connection that writes: what it writes between them is
    copied, too. Without, the log of what others write meanwhile grows until the end.
    """
    os.close(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(path, isolation_level=None, factory=connections.PLAIN)) as copy:
        copy.execute("PRAGMA journal_mode=OFF")  # half a copy is of no use
        if steps is None:
            source.backup(copy)
        else:
            source.backup(copy, pages=_STEP_PAGES, progress=lambda *_: steps.give_way())
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it


def verify(connection: sqlite3.Connection) -> None:
    """StoreCorruptError if damage is found."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreCorruptError("database_corrupt", f"the database is damaged ({found})")


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Where to make what is to appear at `path`; nothing is left there of what was not kept."""
    copy = path.with_name(f"{path.name}.partial")
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def keep(copy: Path, path: Path) -> None:
    """Have a copy appear at `path`, whole, also after a power cut."""
    to_disk(copy)
    copy.replace(path)
    to_disk(path.parent)


def to_disk(path: Path) -> None:
    """Have what was written to a file, or renamed in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
