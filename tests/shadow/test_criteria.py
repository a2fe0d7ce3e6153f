"""Ready or not yet, why, and what is missing, on histories of thirty days."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_store.records import ComparisonRecord
from conversation_store.states import ComparisonState
from shadow.criteria import Readiness, judge
from shadow.metrics import metrics
from shadow.thresholds import Thresholds
from tests.helpers.shadow_history import Comparison, history

SINCE, UNTIL = "2026-10-22T00:00:00.000Z", "2026-11-21T00:00:00.000Z"


def record(comparison: Comparison, **fields: Any) -> ComparisonRecord:
    new, result = comparison
    given = {
        **msgspec.structs.asdict(result),
        **msgspec.structs.asdict(new),
        "state": ComparisonState.DONE,
        "finished_at": new.created_at,
        **fields,
    }
    known = ComparisonRecord.__struct_fields__
    return ComparisonRecord(**{name: given[name] for name in known})


def records(**asked: Any) -> list[ComparisonRecord]:
    fields = asked.pop("fields", {})
    return [record(comparison, **fields) for comparison in history(**asked)]


def judged(found: list[ComparisonRecord], **thresholds: Any) -> Readiness:
    return judge(found, Thresholds(**thresholds), since=SINCE, until=UNTIL)


def lacking(readiness: Readiness) -> dict[str, str]:
    return {check.name: check.missing or "" for check in readiness.checks if not check.ok}


def test_a_good_month_is_ready() -> None:
    found = judged(records(per_day=100))
    assert lacking(found) == {}
    assert found.ready
    assert all(check.missing is None for check in found.checks)


def test_nothing_is_not_ready_and_says_what_to_do() -> None:
    found = judged([])
    assert not found.ready
    assert lacking(found) == {
        "sample": "500 more comparisons",
        "days": "comparisons on 20 more days",
        **dict.fromkeys(
            ("headless_success", "match", "latency", "corruption"), "runs in commMode shadow"
        ),
    }


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"mismatches": 0.09}, {"match"}),
        ({"failures": 0.02}, {"headless_success"}),
        ({"gain": -0.1}, {"latency"}),
        ({"corrupt": 40}, {"corruption"}),
        ({"days": 12, "per_day": 200}, {"days"}),
        ({"per_day": 10}, {"sample"}),
    ],
    ids=["match", "success", "latency", "corruption", "days", "sample"],
)
def test_each_criterion_alone(asked: dict[str, Any], names: set[str]) -> None:
    readiness = judged(records(**{"per_day": 100, "failures": 0.0, **asked}))
    assert not readiness.ready
    assert set(lacking(readiness)) == names
    assert all(lacking(readiness).values())


@given(st.integers(0, 60), st.integers(0, 200))
def test_what_is_missing_is_enough(bad: int, good: int) -> None:
    """So many more in a row and the share is reached, one fewer and it is not."""
    right = next(one for one in records(per_day=5) if one.kind == "shadow")
    wrong = msgspec.structs.replace(right, verdict="mismatch")
    found = [wrong] * bad + [right] * good
    said = lacking(judged(found)).get("match", "")
    if not said.startswith("the next"):
        return
    more = int(said.split()[2])
    assert "match" not in lacking(judged([*found, *[right] * more]))
    assert "match" in lacking(judged([*found, *[right] * (more - 1)]))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "self"},
        {"state": ComparisonState.SKIPPED, "verdict": None},
        {"primary_mode": "headless"},
    ],
    ids=["headless with itself", "skipped", "one way alone"],
)
def test_what_does_not_count(fields: dict[str, Any]) -> None:
    assert judged(records(fields=fields)).comparisons == 0


@pytest.mark.parametrize("note", ["history_partial", "snapshot_late"])
def test_an_unfair_comparison_says_nothing_of_the_answers(note: str) -> None:
    unfair = records(mismatches=1.0, failures=0.0, fields={"notes": [note]})
    fair = records(per_day=100, failures=0.0)
    assert judged([*fair, *unfair]).ready
    corrupt = records(corrupt=100, failures=0.0, fields={"notes": [note]})
    assert set(lacking(judged([*fair, *corrupt]))) == {"corruption"}


def test_headless_does_not_answer_for_what_tmux_fails() -> None:
    found = records(per_day=100, failures=0.0)
    assert found[0].primary_figures is not None
    broken = msgspec.structs.replace(found[0].primary_figures, success=False)
    failed = [
        msgspec.structs.replace(one, verdict="primary_failed", primary_figures=broken)
        for one in found[:900]
    ]
    assert judged([*failed, *found[900:]]).ready


def test_the_figures_of_a_month() -> None:
    found = records(per_day=100)
    figures = metrics(found, since=SINCE, until=UNTIL)
    assert figures.comparisons == 3000
    assert figures.headless.legs == figures.tmux.legs == 2400
    assert figures.itself.judged == 600
    assert figures.match == pytest.approx(0.98, abs=0.01)
    assert figures.itself.match == pytest.approx(0.97, abs=0.02)
    assert len(figures.days) == 30
    assert sum(figures.headless_times) + figures.verdicts["mirror_failed"] == 2400
    assert figures.headless.times.p50_ms is not None
    assert figures.tmux.times.p50_ms is not None
    assert figures.headless.times.p50_ms < figures.tmux.times.p50_ms
    assert [share.agent_id for share in figures.agents] == ["worker"]


def test_the_figures_of_nothing() -> None:
    figures = metrics([], since=SINCE, until=UNTIL)
    assert (figures.match, figures.headless.times.p50_ms, figures.days) == (None, None, [])
