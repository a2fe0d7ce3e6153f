"""The table of `make defences` fits the code: what it takes out is what is there."""

from __future__ import annotations

from tests.faults import defences
from tests.faults.defence_table import DEFENCES


def test_each_defence_stands_once_in_its_file() -> None:
    defences.check_table(defences.ROOT)


def test_each_fault_that_is_tested_has_a_defence() -> None:
    tested = defences.tests_of_faults(defences.ROOT)
    assert set(tested) == {defence.fault for defence in DEFENCES}
