"""What the store refuses, with the code that the API passes on.

StoreError
├── RecordNotFoundError      no such row
├── RecordConflictError      the row is there, or is in a state that does not allow this
└── StoreUnusableError       the database cannot be opened or written: newer schema, damage
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
    """The database cannot be used at all; the message says what to do."""
