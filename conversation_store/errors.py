"""What the store refuses, with the code that the API passes on.

StoreError
├── RecordNotFoundError          no such row
├── RecordConflictError          the row is there, or is in a state that does not allow this
└── StoreUnusableError           the database cannot be used now, or not at all: newer schema
    ├── StoreFullError           `disk_full`: over when there is space again
    ├── StoreLockedError         `database_locked`: over when the other program lets go
    ├── StoreUnwritableError     `database_unwritable`: I/O error, read-only; over when it works
    ├── StoreCorruptError        `database_corrupt`: for good; restore a backup
    └── StoreFencedError         `fenced`: for good; another owner has the database
"""

from __future__ import annotations


class StoreError(Exception):
    """Base; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RecordNotFoundError(StoreError):
    """No such row."""


class RecordConflictError(StoreError):
    """The row exists already, or its state does not allow the change."""


class StoreUnusableError(StoreError):
    """The database cannot be used; the message says what to do."""


class StoreFullError(StoreUnusableError):
    """There is no room on the disk. What was acknowledged waits for room."""


class StoreLockedError(StoreUnusableError):
    """Another program holds the database for longer than a write waits."""


class StoreUnwritableError(StoreUnusableError):
    """The system refuses to read or write the file."""


class StoreCorruptError(StoreUnusableError):
    """The file is damaged, or no database."""


class StoreFencedError(StoreUnusableError):
    """Another owner took the lease: this one may not write any more."""
