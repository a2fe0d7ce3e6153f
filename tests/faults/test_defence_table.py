"""The table of `make defences` fits the code: what it takes out is what is there."""

from __future__ import annotations

import pytest

from tests.faults import defences
from tests.faults.defence_table import DEFENCES, Defence
from tests.faults.patching import StaleTableError, patched, planted

CODE = '''
"""A module."""
from __future__ import annotations

LIMIT = 5

class Box:
    def take(self, one):
        # a comment
        if (one > LIMIT
                and one):
            self.put(
                one,
            )
            self.count += 1
        return one

    def give(self):
        return self.take(1)
'''
SQL = """-- name: first
DELETE FROM a
WHERE  x = 1
  AND y = 2;

-- name: second
DELETE FROM b WHERE x = 1;
"""


def test_each_defence_is_there_once() -> None:
    defences.check_table(defences.ROOT)


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: f"{defence.fault}")
def test_each_defence_can_be_taken_out(defence: Defence) -> None:
    path, content = defences.without(defences.ROOT, defence)
    assert content != path.read_text("utf-8")
    if path.suffix == ".py":
        compile(content, str(path), "exec")


def test_each_fault_that_is_tested_has_a_defence() -> None:
    tested = defences.tests_of_faults(defences.ROOT)
    assert set(tested) == {defence.fault for defence in DEFENCES}


@pytest.mark.parametrize(
    ("where", "text", "instead", "found"),
    [
        ("m", "LIMIT = 5", "LIMIT = 6", "LIMIT = 6"),
        ("m:Box.take", "one > LIMIT and one", "False", "if False:"),
        ("m:Box.take", "self.put(one)", "pass", "            pass\n            self.count"),
        ("m:Box.take", "self.put(one)\nself.count += 1", "raise", "            raise\n"),
        ("m:Box", "self.take(1)", "None", "return None"),
    ],
)
def test_a_piece_is_found_however_it_is_set(
    where: str, text: str, instead: str, found: str
) -> None:
    changed = patched(CODE, where, text, instead)
    assert found in changed
    assert found not in CODE


@pytest.mark.parametrize(
    ("where", "text", "problem"),
    [
        ("m:Box.take", "LIMIT = 5", "holds 0 times"),
        ("m:Box.take", "one", "holds 4 times"),
        ("m:Box.send", "one", "not just one send"),
    ],
)
def test_what_is_not_there_just_once_is_stale(where: str, text: str, problem: str) -> None:
    with pytest.raises(StaleTableError, match=problem):
        patched(CODE, where, text, "None")


def test_a_piece_of_sql_belongs_to_its_statement() -> None:
    changed = patched(SQL, "a.sql:first", "WHERE x = 1 AND", "WHERE")
    assert "DELETE FROM a WHERE y = 2;" in changed
    assert "-- name: second\nDELETE FROM b WHERE x = 1;" in changed
    with pytest.raises(StaleTableError, match="0 times"):
        patched(SQL, "a.sql:second", "y = 2", "")
    with pytest.raises(StaleTableError, match="no such statement"):
        patched(SQL, "a.sql:third", "x", "")


def test_a_statement_is_planted_before_all_others() -> None:
    lines = planted(CODE, "raise SystemExit").splitlines()
    assert lines.index("raise SystemExit") < lines.index("LIMIT = 5")
    assert lines.index("from __future__ import annotations") < lines.index("raise SystemExit")
