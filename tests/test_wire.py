"""What goes over the wire: one line of JSON, times, ids that sort."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner import wire

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


@given(VALUES)
def test_json_is_one_line_for_every_reader(value: object) -> None:
    data = wire.encode(value)
    assert json.loads(data) == value
    assert len(data.decode().splitlines()) == 1


def test_times_and_ids() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", wire.now())
    ids = [wire.new_id("run") for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(re.fullmatch(r"run_[0-9a-f]{28}", one) for one in ids)
    assert [one[:16] for one in ids] == sorted(one[:16] for one in ids)


@given(st.lists(st.integers(0, 4 * 10**9 * 1000), min_size=1))
def test_a_time_is_that_of_the_clock_however_it_goes(milliseconds: list[int]) -> None:
    for clock in [*milliseconds, *milliseconds]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time_ns", lambda clock=clock: clock * 1_000_000 + 999_999)
            told = wire.now()
        moment = datetime.fromisoformat(told)
        assert (moment - EPOCH) // timedelta(milliseconds=1) == clock
        assert wire.later(told, 0) == told


def test_identifiers_sort_as_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [wire.new_id("run") for _ in range(1000)]
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    made += [wire.new_id("run") for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
