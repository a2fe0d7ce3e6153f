"""How the statements find their rows: what is asked often must not grow with what is over."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from conversation_store.sqlite.migrate import migrate
from conversation_store.sqlite.statements import statements

# As large as their history, but for an index of what is open; the other tables hold what is now.
GROWING = re.compile(
    r"SCAN (runs|events|turns|conversations|approvals|comparisons|c)\b(?!.* INDEX (open|pending)_)"
)
# What looks at everything, by its nature: the check of a database, and filters of any kind.
WHOLE = {
    "wrong_event_numbers",
    "wrong_turn_numbers",
    "conversations_without_agent",
    "run_states",
    "list_approvals",
    "list_comparisons",
    "unsearched_turns",
    "count_unsearched_turns",
}
# A handful of rows: those of one run, runs that are not over, or the processes that live.
SMALL = {
    "turns_of_run",
    "approvals_of_run",
    "list_processes",
    "open_runs",
    "waiting_run",
    "waiting_ranks",
}


def plan_of(sql: str) -> str:
    """What the engine means to do, a line for each step."""
    named = set(re.findall(r":(\w+)", sql))
    given = dict.fromkeys(named, 1) if named else [1] * sql.count("?")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        steps = connection.execute(f"EXPLAIN QUERY PLAN {sql}", given).fetchall()
    return "\n".join(str(step[3]) for step in steps)


@pytest.mark.parametrize("name", sorted(statements().keys() - WHOLE))
def test_none_reads_all_rows_or_sorts_them(name: str) -> None:
    plan = plan_of(statements()[name])
    assert not GROWING.search(plan), plan
    assert name in SMALL or "TEMP B-TREE FOR ORDER BY" not in plan, plan
