"""What keeps the database from working, told from SQLite's error code. The one place for that."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import msgspec

from conversation_store.errors import (
    StoreCorruptError,
    StoreFencedError,
    StoreFullError,
    StoreLockedError,
    StoreUnusableError,
    StoreUnwritableError,
)


class StoreState(StrEnum):
    """What the database can do. All but `ok` refuse new work; reads are tried in each."""

    OK = "ok"
    FULL = "full"
    LOCKED = "locked"
    UNWRITABLE = "unwritable"
    CORRUPT = "corrupt"
    FENCED = "fenced"


FINAL = frozenset({StoreState.CORRUPT, StoreState.FENCED})

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


class Fault(msgspec.Struct, frozen=True):
    """A state other than `ok`, and what SQLite said."""

    state: StoreState
    detail: str

    @property
    def final(self) -> bool:
        """True if waiting does not help."""
        return self.state in FINAL

    def error(self) -> StoreUnusableError:
        """The error for whoever wanted something of the store."""
        match self.state:
            case StoreState.FULL:
                return StoreFullError("disk_full", f"the disk is full ({self.detail})")
            case StoreState.LOCKED:
                return StoreLockedError(
                    "database_locked", f"another program holds the database ({self.detail})"
                )
            case StoreState.CORRUPT:
                return StoreCorruptError(
                    "database_corrupt", f"the database is damaged ({self.detail})"
                )
            case StoreState.FENCED:
                return StoreFencedError("fenced", self.detail)
            case _:
                return StoreUnwritableError(
                    "database_unwritable", f"the database cannot be written ({self.detail})"
                )

    def refusal(self, path: Path) -> StoreUnusableError:
        """The error for whoever wanted to use the database at `path`, which nobody changed."""
        error = self.error()
        return type(error)(error.code, f"{path}: {error.message}. It was left as it is")


def fault_of(error: Exception) -> Fault | None:
    """The fault behind an error; None if the statement itself was at fault."""
    if isinstance(error, StoreFencedError):
        return Fault(StoreState.FENCED, error.message)
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.Error) or not isinstance(code, int):
        return None
    state = _STATES.get(code) or _STATES.get(code & 0xFF)
    return Fault(state, str(error)) if state is not None else None


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
