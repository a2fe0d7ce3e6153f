"""The database engine under the store, for those who report on it without speaking SQL."""

from __future__ import annotations

import sqlite3

# Before it, several connections that write could lose a reset of the write-ahead log.
_WAL_RESET_FIXED = (3, 51, 3)


def version() -> str:
    """The version of the SQLite library in use: `3.45.1`."""
    return sqlite3.sqlite_version


def needs_one_writer() -> bool:
    """True if this SQLite is only safe with a single writing connection, as the store has."""
    return sqlite3.sqlite_version_info < _WAL_RESET_FIXED
