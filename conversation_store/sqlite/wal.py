"""The write-ahead log: folded into the database by the writer, while it has nothing else to do.

Under load SQLite itself folds every 1,000 pages, within a commit; this is for the rest, so
that a commit after a pause does not pay for it, and for giving a large file's space back.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

FOLD_BYTES = 1 << 20
TRUNCATE_BYTES = 16 << 20
BUSY_TIMEOUT_MS = 5000


class Wal:
    """The log of the database at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}-wal")

    def size(self) -> int:
        """Its length in bytes; 0 if there is none."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def fold(self, connection: sqlite3.Connection) -> bool:
        """Fold what can be without waiting for a reader; False if there is more to do later."""
        if self.size() < FOLD_BYTES:
            return True
        _, frames, folded = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if self.size() >= TRUNCATE_BYTES and frames == folded:
            connection.execute("PRAGMA busy_timeout=0")
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        return bool(frames == folded) and self.size() < TRUNCATE_BYTES
