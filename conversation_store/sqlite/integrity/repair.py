"""Repairs what is provable, and keeps what it removes or changes."""

from __future__ import annotations

import sqlite3

from conversation_store.findings import Finding, FindingCode, Repair
from conversation_store.interfaces.integrity import Keeper
from conversation_store.sqlite.integrity.references import (
    Reference,
    broken_references,
    delete,
    forget_run,
    row_of,
    rows_of_run,
)
from conversation_store.sqlite.search import complete, is_sound
from conversation_store.sqlite.statements import statements

_COUNTERS = {
    FindingCode.EVENT_COUNTER_BEHIND: ("wrong_event_numbers", "move_event_counter_up"),
    FindingCode.TURN_COUNTER_BEHIND: ("wrong_turn_numbers", "move_turn_counter_up"),
}


def repair(connection: sqlite3.Connection, keeper: Keeper) -> list[Repair]:
    """Repair inside the present transaction; what is left is what a check finds afterwards."""
    done = [*_references(connection, keeper)]
    for code, (query, statement) in _COUNTERS.items():
        done += _counters(connection, keeper, code, query, statement)
    done += _search(connection)
    keeper.sync()
    return done


def _search(connection: sqlite3.Connection) -> list[Repair]:
    """The full-text index, which holds nothing that the turns do not."""
    done = []
    if not is_sound(connection):
        connection.execute(statements()["rebuild_search_index"])
        done.append(
            Repair(code=FindingCode.SEARCH_DAMAGED, subject="turns", action="index built anew")
        )
    if added := complete(connection):
        action = f"{added} turns were added to the index"
        done.append(Repair(code=FindingCode.SEARCH_INCOMPLETE, subject="turns", action=action))
    return done


def rebuild_indexes(connection: sqlite3.Connection, findings: list[Finding]) -> list[Repair]:
    """Build every index anew if one is damaged, and no page is; no row changes by it."""
    codes = {finding.code for finding in findings}
    if FindingCode.DAMAGED_INDEX not in codes or FindingCode.DAMAGED_PAGES in codes:
        return []
    connection.execute("REINDEX")
    return [
        Repair(
            code=finding.code, subject=finding.subject, action=f"index rebuilt: {finding.detail}"
        )
        for finding in findings
        if finding.code is FindingCode.DAMAGED_INDEX
    ]


def _references(connection: sqlite3.Connection, keeper: Keeper) -> list[Repair]:
    done: list[Repair] = []
    while references := [r for r in broken_references(connection) if r.repairable]:
        for reference in references:
            done += _reference(connection, keeper, reference)
    return done


def _reference(
    connection: sqlite3.Connection, keeper: Keeper, reference: Reference
) -> list[Repair]:
    table, rowid = reference.table, reference.rowid
    row = row_of(connection, table, rowid)
    if row is None:
        return []
    done: list[Repair] = []
    if reference.without_run:
        action = "forgot its run"
        keeper.keep({"action": "change", "table": table, "row": row, "change": {"run_id": None}})
        forget_run(connection, table, rowid)
    else:
        if table == "runs":
            done += _children(connection, keeper, row["run_id"])
        action = "removed"
        keeper.keep({"action": "remove", "table": table, "row": row})
        delete(connection, table, rowid)
    subject = f"{table} row {rowid}"
    return [*done, Repair(code=FindingCode.BROKEN_REFERENCE, subject=subject, action=action)]


def _children(connection: sqlite3.Connection, keeper: Keeper, run_id: str) -> list[Repair]:
    """What names a run that is about to go: it stays where its conversation is there."""
    done = []
    for table in ("events", "turns"):
        for rowid in rows_of_run(connection, table, run_id):
            reference = Reference(table=table, rowid=rowid, parent="runs", columns=("run_id",))
            done += _reference(connection, keeper, reference)
    return done


def _counters(
    connection: sqlite3.Connection, keeper: Keeper, code: FindingCode, query: str, statement: str
) -> list[Repair]:
    done = []
    for subject, last, _, _, _, most in connection.execute(statements()[query]).fetchall():
        if most > last:
            keeper.keep(
                {"action": "change", "table": "conversations", "subject": subject, "was": last}
            )
            connection.execute(statements()[statement], {"conversation_id": subject, "seq": most})
            done.append(Repair(code=code, subject=subject, action=f"{last} became {most}"))
    return done
