"""The database engine under the store, for those who report on it without speaking SQL."""

from __future__ import annotations

import sqlite3

# Before it, several connections that write could lose a reset of the write-ahead log.
_WAL_RESET_FIXED = (3, 51, 3)


def described() -> str:
    """The version of the SQLite library in use, and whether it is only safe with one writer."""
    one_writer = sqlite3.sqlite_version_info < _WAL_RESET_FIXED
    return sqlite3.sqlite_version + (
        " (one writer only, as this service does)" if one_writer else ""
    )
