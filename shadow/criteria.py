"""Whether headless has shown that tmux can go: a verdict on the comparisons of a window.

Only comparisons of headless with tmux count, of kind `shadow`. Of these:

headless success   all headless legs
match              those whose tmux leg succeeded, but for unfair ones (UNFAIR): match + equivalent
latency            those whose legs both succeeded: the medians of the whole time
corruption         all headless legs; see `Figures.corrupt`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import msgspec

from conversation_store.records import ComparisonRecord, Figures
from conversation_store.states import ComparisonState, Verdict
from shadow.thresholds import Thresholds

HEADLESS, TMUX = "headless", "tmux"
UNFAIR = frozenset(("history_partial", "snapshot_late"))
"""Notes of a comparison whose legs did not begin with the same: it says nothing of the answers."""

_AGREE = frozenset((Verdict.MATCH, Verdict.EQUIVALENT))


class Check(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One criterion. `value` is None where nothing can be said yet; `missing` if it is not met."""

    name: str
    ok: bool
    value: float | None
    wanted: str
    text: str
    missing: str | None = None


class Readiness(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`ready` if every check is met."""

    ready: bool
    since: str
    until: str
    comparisons: int
    checks: list[Check]


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A finished comparison of the two modes, by mode."""

    headless: Figures
    tmux: Figures
    verdict: Verdict
    fair: bool
    day: str


def pairs(comparisons: Sequence[ComparisonRecord]) -> list[Pair]:
    """Those of headless with tmux that are done."""
    found: list[Pair] = []
    for one in comparisons:
        if one.state is not ComparisonState.DONE or one.kind != "shadow":
            continue
        legs = {one.primary_mode: one.primary_figures, one.mirror_mode: one.mirror_figures}
        headless, tmux = legs.get(HEADLESS), legs.get(TMUX)
        if headless is None or tmux is None or one.verdict is None:
            continue
        fair = UNFAIR.isdisjoint(one.notes)
        day = one.created_at[:10]
        found.append(Pair(headless=headless, tmux=tmux, verdict=one.verdict, fair=fair, day=day))
    return found


def judged(found: Sequence[Pair]) -> list[Pair]:
    """Those that say whether headless answers as tmux does."""
    return [pair for pair in found if pair.fair and pair.tmux.success]


def agree(pair: Pair) -> bool:
    """True if both legs came to the same."""
    return pair.verdict in _AGREE


def judge(
    comparisons: Sequence[ComparisonRecord], thresholds: Thresholds, *, since: str, until: str
) -> Readiness:
    """Ready or not, and what is missing; the comparisons are those of [since, until)."""
    found = pairs(comparisons)
    checks = [
        _sample(found, thresholds),
        _days(found, thresholds),
        _share(
            "headless_success",
            "headless runs succeeded",
            [pair.headless.success for pair in found],
            thresholds.least_success,
        ),
        _share(
            "match",
            "answers match",
            [agree(pair) for pair in judged(found)],
            thresholds.least_match,
        ),
        _latency(found, thresholds),
        _corruption(found, thresholds),
    ]
    ready = all(check.ok for check in checks)
    return Readiness(ready=ready, since=since, until=until, comparisons=len(found), checks=checks)


def _sample(found: Sequence[Pair], thresholds: Thresholds) -> Check:
    least, count = thresholds.least_comparisons, len(judged(found))
    lacking = least - count
    return Check(
        name="sample",
        ok=lacking <= 0,
        value=count,
        wanted=f"at least {least}",
        text=f"{count} comparisons can be judged",
        missing=f"{lacking} more comparisons" if lacking > 0 else None,
    )


def _days(found: Sequence[Pair], thresholds: Thresholds) -> Check:
    least, count = thresholds.least_days, len({pair.day for pair in found})
    lacking = least - count
    return Check(
        name="days",
        ok=lacking <= 0,
        value=count,
        wanted=f"at least {least} of {thresholds.window_days}",
        text=f"there are comparisons of {count} days",
        missing=f"comparisons on {lacking} more days" if lacking > 0 else None,
    )


def _share(name: str, what: str, held: Sequence[bool], least: float) -> Check:
    wanted = f"at least {_percent(least)}"
    if not held:
        return _nothing(name, wanted)
    good, total = sum(held), len(held)
    ok = good >= least * total
    return Check(
        name=name,
        ok=ok,
        value=good / total,
        wanted=wanted,
        text=f"{good} of {total} {what}: {_percent(good / total)}",
        missing=None if ok else _lacking(good, total, least),
    )


def _lacking(good: int, total: int, least: float) -> str:
    if least >= 1:
        return "none may fail in the window"
    more = math.ceil(round((least * total - good) / (1 - least), 6))
    return f"the next {more} in a row, or the failures to leave the window"


def _latency(found: Sequence[Pair], thresholds: Thresholds) -> Check:
    wanted = f"a gain over {_percent(thresholds.least_gain)}"
    both = [pair for pair in found if pair.headless.success and pair.tmux.success]
    if not both:
        return _nothing("latency", wanted)
    headless = median(pair.headless.duration_ms for pair in both)
    tmux = median(pair.tmux.duration_ms for pair in both)
    gain = (tmux - headless) / tmux if tmux else 0.0
    ok = gain > thresholds.least_gain
    most = tmux * (1 - thresholds.least_gain)
    return Check(
        name="latency",
        ok=ok,
        value=gain,
        wanted=wanted,
        text=f"median {headless:.0f} ms headless, {tmux:.0f} ms in tmux: {_percent(gain)} gained",
        missing=None if ok else f"a headless median under {most:.0f} ms",
    )


def _corruption(found: Sequence[Pair], thresholds: Thresholds) -> Check:
    wanted = f"under {_percent(thresholds.most_corrupt)}"
    if not found:
        return _nothing("corruption", wanted)
    bad = sum(pair.headless.corrupt is not None for pair in found)
    share = bad / len(found)
    ok = share < thresholds.most_corrupt
    needed = math.floor(bad / thresholds.most_corrupt) + 1 - len(found)
    return Check(
        name="corruption",
        ok=ok,
        value=share,
        wanted=wanted,
        text=f"{bad} of {len(found)} headless outputs were damaged",
        missing=None if ok else f"{needed} more without damage, or the damage to leave the window",
    )


def _nothing(name: str, wanted: str) -> Check:
    return Check(
        name=name,
        ok=False,
        value=None,
        wanted=wanted,
        text="nothing to judge by yet",
        missing="runs in commMode shadow",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
