"""Everything in the database that can be wrong and told from the database alone."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from conversation_store.findings import Finding, FindingCode
from conversation_store.sqlite.faults import fault_of
from conversation_store.sqlite.integrity.references import Reference, broken_references
from conversation_store.sqlite.statements import statements
from conversation_store.states import StoreState

MAX_DAMAGES = 100
# What `integrity_check` says of an index that can be built anew from its table.
_INDEX_DAMAGE = re.compile(r"missing from index|wrong # of entries in index|NULL value in .* index")


def check(connection: sqlite3.Connection) -> list[Finding]:
    """Look at every page and row, in one read transaction of the newest schema."""
    connection.execute("BEGIN")
    try:
        damages = list(_damages(connection))
        if any(finding.code is FindingCode.DAMAGED_PAGES for finding in damages):
            return damages
        return [*damages, *_rows(connection)]
    except sqlite3.DatabaseError as error:
        fault = fault_of(error)
        if fault is None or fault.state is not StoreState.CORRUPT:
            raise
        return [damaged(FindingCode.DAMAGED_PAGES, str(error))]
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _damages(connection: sqlite3.Connection) -> Iterator[Finding]:
    for (text,) in connection.execute(f"PRAGMA integrity_check({MAX_DAMAGES})"):
        if text != "ok":
            is_index = _INDEX_DAMAGE.search(text) is not None
            yield damaged(
                FindingCode.DAMAGED_INDEX if is_index else FindingCode.DAMAGED_PAGES, str(text)
            )


def damaged(code: FindingCode, text: str) -> Finding:
    """The finding for what SQLite said about the file."""
    repairable = code is FindingCode.DAMAGED_INDEX
    return Finding(code=code, subject="database", detail=text, repairable=repairable)


def _rows(connection: sqlite3.Connection) -> Iterator[Finding]:
    for reference in broken_references(connection):
        if (reference.table, reference.parent) != ("conversations", "agents"):
            yield _broken(reference)
    for conversation, agent in connection.execute(statements()["conversations_without_agent"]):
        yield Finding(
            code=FindingCode.CONVERSATION_WITHOUT_AGENT,
            subject=conversation,
            detail=f"there is no agent {agent!r}, not even a deleted one",
            repairable=False,
        )
    ((missing,),) = connection.execute(statements()["count_unsearched_turns"])
    if missing:
        yield Finding(
            code=FindingCode.SEARCH_INCOMPLETE,
            subject="turns",
            detail=f"{missing} turns are not in the full-text index",
            repairable=True,
        )
    yield from _numbers(
        connection, "wrong_event_numbers", FindingCode.EVENT_GAP, FindingCode.EVENT_COUNTER_BEHIND
    )
    yield from _numbers(
        connection, "wrong_turn_numbers", FindingCode.TURN_GAP, FindingCode.TURN_COUNTER_BEHIND
    )


def _broken(reference: Reference) -> Finding:
    return Finding(
        code=FindingCode.BROKEN_REFERENCE,
        subject=f"{reference.table} row {reference.rowid}",
        detail=f"its {' and '.join(reference.columns)} name no row of {reference.parent}",
        repairable=reference.repairable,
    )


def _numbers(
    connection: sqlite3.Connection, query: str, gap: FindingCode, behind: FindingCode
) -> Iterator[Finding]:
    for subject, last, count, distinct, least, most in connection.execute(statements()[query]):
        if most > last:
            yield Finding(
                code=behind,
                subject=subject,
                detail=f"the last one is {most}, the conversation says {last}",
                repairable=True,
            )
        if count != most or distinct != count or most < last:
            yield Finding(
                code=gap,
                subject=subject,
                detail=f"{distinct} numbers from {least} to {most} in {count} rows; "
                f"the conversation says {last}",
                repairable=False,
            )
