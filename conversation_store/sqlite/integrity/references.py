"""Rows that name a row which is not there."""

from __future__ import annotations

import sqlite3
from typing import Any

from conversation_store.records import Record

# Without its conversation a row can be reached by nobody. Without its run an event or a turn
# still belongs to its conversation.
_UNREACHABLE = {
    ("runs", "conversations"),
    ("turns", "conversations"),
    ("events", "conversations"),
    ("searched_turns", "turns"),
    ("turn_attachments", "turns"),
    ("turn_attachments", "attachments"),
}
_WITHOUT_RUN = {("turns", "runs"), ("events", "runs")}
# Children first, so that no row goes with its parent before it is kept.
_ORDER = {"searched_turns": 0, "turn_attachments": 0, "events": 0, "turns": 1, "runs": 2}


class Reference(Record, frozen=True, kw_only=True):
    """A row of `table` whose `columns` name no row of `parent`."""

    table: str
    rowid: int
    parent: str
    columns: tuple[str, ...]

    @property
    def unreachable(self) -> bool:
        """True if nobody can reach the row."""
        return (self.table, self.parent) in _UNREACHABLE

    @property
    def without_run(self) -> bool:
        """True if the row only lacks its run."""
        return (self.table, self.parent) in _WITHOUT_RUN

    @property
    def repairable(self) -> bool:
        """True if it is proven what is to be done."""
        return self.unreachable or self.without_run


def broken_references(connection: sqlite3.Connection) -> list[Reference]:
    """Every broken reference, children before their parents."""
    found = connection.execute("PRAGMA foreign_key_check").fetchall()
    columns: dict[tuple[str, int], tuple[str, ...]] = {}
    for table in {row[0] for row in found}:
        for key in connection.execute(f"PRAGMA foreign_key_list({table})").fetchall():
            columns[table, key[0]] = (*columns.get((table, key[0]), ()), key[3])
    references = [
        Reference(table=table, rowid=rowid, parent=parent, columns=columns[table, key])
        for table, rowid, parent, key in found
    ]
    return sorted(references, key=lambda r: (_ORDER.get(r.table, 3), r.rowid))


def row_of(connection: sqlite3.Connection, table: str, rowid: int) -> dict[str, Any] | None:
    """A row by the names of its columns; None if it is gone."""
    cursor = connection.execute(f"SELECT * FROM {table} WHERE rowid = ?", (rowid,))  # noqa: S608
    row = cursor.fetchone()
    return dict(zip((c[0] for c in cursor.description), row, strict=True)) if row else None


def rows_of_run(connection: sqlite3.Connection, table: str, run_id: str) -> list[int]:
    """The rows of `table` that name a run."""
    query = f"SELECT rowid FROM {table} WHERE run_id = ?"  # noqa: S608
    return [row[0] for row in connection.execute(query, (run_id,)).fetchall()]


def delete(connection: sqlite3.Connection, table: str, rowid: int) -> None:
    """Remove a row."""
    connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))  # noqa: S608


def forget_run(connection: sqlite3.Connection, table: str, rowid: int) -> None:
    """Let a row belong to no run."""
    connection.execute(
        f"UPDATE {table} SET run_id = NULL WHERE rowid = ?",  # noqa: S608
        (rowid,),
    )
