"""How large the database is and what is in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from conversation_store.records import DatabaseStats
from conversation_store.sqlite.lease import holder
from conversation_store.sqlite.wal import Wal

_TABLES = ("agents", "conversations", "turns", "runs", "events")
LEASE_SCHEMA = 2


def measure(connection: sqlite3.Connection, path: Path) -> DatabaseStats:
    """The database's figures, in one read transaction."""

    def number(sql: str) -> int:
        return int(connection.execute(sql).fetchone()[0])

    connection.execute("BEGIN")
    try:
        schema = number("PRAGMA user_version")
        return DatabaseStats(
            path=str(path),
            bytes=path.stat().st_size,
            wal_bytes=Wal(path).size(),
            page_bytes=number("PRAGMA page_size"),
            pages=number("PRAGMA page_count"),
            free_pages=number("PRAGMA freelist_count"),
            schema_version=schema,
            rows={table: number(f"SELECT count(*) FROM {table}") for table in _TABLES},  # noqa: S608
            lease=holder(connection) if schema >= LEASE_SCHEMA else None,
        )
    finally:
        connection.execute("ROLLBACK")
