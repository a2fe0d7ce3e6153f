"""What keeps the database from working, told from SQLite's error code. The one place for that."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conversation_store.errors import StoreFencedError
from conversation_store.health import Fault
from conversation_store.states import StoreState

_STATES = {
    sqlite3.SQLITE_FULL: StoreState.FULL,
    sqlite3.SQLITE_BUSY: StoreState.LOCKED,
    sqlite3.SQLITE_LOCKED: StoreState.LOCKED,
    sqlite3.SQLITE_PROTOCOL: StoreState.LOCKED,
    sqlite3.SQLITE_READONLY: StoreState.UNWRITABLE,
    sqlite3.SQLITE_IOERR: StoreState.UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: StoreState.UNWRITABLE,
    sqlite3.SQLITE_PERM: StoreState.UNWRITABLE,
    sqlite3.SQLITE_CORRUPT: StoreState.CORRUPT,
    sqlite3.SQLITE_NOTADB: StoreState.CORRUPT,
    # The WAL's index could not grow: on a full disk this comes before SQLITE_FULL.
    sqlite3.SQLITE_IOERR_SHMSIZE: StoreState.FULL,
}


def fault_of(error: Exception) -> Fault | None:
    """The fault behind an error; None if the statement itself was at fault."""
    if isinstance(error, StoreFencedError):
        return Fault(StoreState.FENCED, error.message)
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.Error) or not isinstance(code, int):
        return None
    if is_of_search(error):
        return None
    state = _STATES.get(code) or _STATES.get(code & 0xFF)
    return Fault(state, str(error)) if state is not None else None


def is_of_search(error: sqlite3.Error) -> bool:
    """True if the full-text index alone is damaged, which can be built anew from the turns."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT_VTAB


@contextmanager
def faults_told(final: Callable[[Fault], None] | None = None) -> Iterator[None]:
    """A fault in this block is raised as the store's error; a `final` one is told before."""
    try:
        yield
    except Exception as error:
        fault = fault_of(error)
        if fault is None:
            raise
        if fault.final and final is not None:
            final(fault)
        raise fault.error() from error
