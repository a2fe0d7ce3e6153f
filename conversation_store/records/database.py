"""The database itself: who owns it, and how large it is."""

from __future__ import annotations

from conversation_store.records.base import Record


class Owner(Record, frozen=True, kw_only=True):
    """Who opens the store for service: `name` is host:pid, `since` the time it does so."""

    name: str
    boot_id: str
    since: str


class Lease(Record, frozen=True, kw_only=True):
    """The lease as it stands in the database."""

    owner: str
    boot_id: str
    epoch: int
    since: str


class DatabaseStats(Record, frozen=True, kw_only=True):
    """Sizes in bytes; `free_pages` are those that a vacuum gives back."""

    path: str
    bytes: int
    wal_bytes: int
    page_bytes: int
    pages: int
    free_pages: int
    schema_version: int
    rows: dict[str, int]
    lease: Lease | None
