"""Figures over comparisons: shares, times, costs, day by day and agent by agent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median

import msgspec

from conversation_store.records import ComparisonRecord, Figures
from conversation_store.states import ComparisonState, Verdict
from shadow.criteria import HEADLESS, UNFAIR, Pair, agree, judged, pairs


class Times(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of legs that succeeded, in milliseconds; None if there are none."""

    p50_ms: int | None
    p95_ms: int | None
    first_p50_ms: int | None


class ModeFigures(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One way over all comparisons of it with the other; `success` is a share."""

    legs: int
    success: float | None
    corrupt: int
    times: Times
    cost_usd: float


class Day(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One day (UTC)."""

    day: str
    judged: int
    match: float | None
    headless_p50_ms: int | None
    tmux_p50_ms: int | None


class AgentShare(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One agent."""

    agent_id: str
    type: str
    judged: int
    match: float | None


class Agreement(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How often headless agrees with itself: what `match` can reach at best."""

    judged: int
    match: float | None
    similarity: float | None


class Metrics(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All of it. `match` is of `judged` comparisons of headless with tmux (see `criteria`).

    `cut` says that there were more comparisons than are looked at: the newest are here.
    """

    since: str
    until: str
    comparisons: int
    cut: bool
    running: int
    skipped: dict[str, int]
    verdicts: dict[str, int]
    judged: int
    match: float | None
    similarity: float | None
    headless: ModeFigures
    tmux: ModeFigures
    itself: Agreement
    days: list[Day]
    agents: list[AgentShare]
    similarities: list[int]
    headless_times: list[int]
    tmux_times: list[int]
    time_bounds_ms: list[int]


TIME_BOUNDS_MS = [100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000]
"""Upper bounds of the classes in which times are counted; a last class has all above."""


def metrics(
    comparisons: Sequence[ComparisonRecord], *, since: str, until: str, cut: bool = False
) -> Metrics:
    """The figures of the comparisons of [since, until)."""
    found = pairs(comparisons)
    fair = judged(found)
    skipped = Counter(one.skipped_because for one in comparisons if one.skipped_because)
    done = [one for one in comparisons if one.state is ComparisonState.DONE]
    of_two = [one for one in done if one.kind == "shadow"]
    own = [one for one in done if one.kind == "self" and _judged(one)]
    agreeing = [one.verdict in (Verdict.MATCH, Verdict.EQUIVALENT) for one in own]
    return Metrics(
        since=since,
        until=until,
        comparisons=len(comparisons),
        cut=cut,
        running=sum(one.state is ComparisonState.RUNNING for one in comparisons),
        skipped=dict(skipped.most_common()),
        verdicts={verdict: sum(one.verdict is verdict for one in of_two) for verdict in Verdict},
        judged=len(fair),
        match=_share([agree(pair) for pair in fair]),
        similarity=_median([one.similarity for one in of_two]),
        headless=_figures_of([pair.headless for pair in found]),
        tmux=_figures_of([pair.tmux for pair in found]),
        itself=Agreement(
            judged=len(own),
            match=_share(agreeing),
            similarity=_median([one.similarity for one in own]),
        ),
        days=_days(found),
        agents=_agents(of_two),
        similarities=_similarities([one.similarity for one in of_two]),
        headless_times=_classes([pair.headless for pair in found]),
        tmux_times=_classes([pair.tmux for pair in found]),
        time_bounds_ms=TIME_BOUNDS_MS,
    )


def _judged(one: ComparisonRecord) -> bool:
    """True if it says how headless agrees with itself."""
    answered = one.verdict in (Verdict.MATCH, Verdict.EQUIVALENT, Verdict.MISMATCH)
    return answered and one.primary_mode == HEADLESS and UNFAIR.isdisjoint(one.notes)


def _share(held: Sequence[bool]) -> float | None:
    return sum(held) / len(held) if held else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 4) if known else None


def _percentile(values: Sequence[int], share: float) -> int | None:
    """The smallest value that `share` of them do not exceed."""
    return (
        sorted(values)[max(0, -(-len(values) * round(100 * share) // 100) - 1)] if values else None
    )


def _figures_of(legs: Sequence[Figures]) -> ModeFigures:
    good = [leg for leg in legs if leg.success]
    times = [leg.duration_ms for leg in good]
    first = [leg.time_to_first_ms for leg in good if leg.time_to_first_ms is not None]
    return ModeFigures(
        legs=len(legs),
        success=_share([leg.success for leg in legs]),
        corrupt=sum(leg.corrupt is not None for leg in legs),
        times=Times(
            p50_ms=_percentile(times, 0.5),
            p95_ms=_percentile(times, 0.95),
            first_p50_ms=_percentile(first, 0.5),
        ),
        cost_usd=round(sum(leg.cost_usd or 0 for leg in legs), 6),
    )


def _days(found: Sequence[Pair]) -> list[Day]:
    by_day: dict[str, list[Pair]] = defaultdict(list)
    for pair in found:
        by_day[pair.day].append(pair)
    days = []
    for day, some in sorted(by_day.items()):
        fair = judged(some)
        headless, tmux = (
            _percentile([leg.duration_ms for leg in legs if leg.success], 0.5)
            for legs in ([pair.headless for pair in some], [pair.tmux for pair in some])
        )
        share = _share([agree(pair) for pair in fair])
        days.append(
            Day(
                day=day,
                judged=len(fair),
                match=share,
                headless_p50_ms=headless,
                tmux_p50_ms=tmux,
            )
        )
    return days


def _agents(comparisons: Sequence[ComparisonRecord]) -> list[AgentShare]:
    by_agent: dict[tuple[str, str], list[ComparisonRecord]] = defaultdict(list)
    for one in comparisons:
        by_agent[one.agent_id, one.agent_type].append(one)
    shares = []
    for (agent_id, kind), some in sorted(by_agent.items()):
        fair = judged(pairs(some))
        share = _share([agree(pair) for pair in fair])
        shares.append(AgentShare(agent_id=agent_id, type=kind, judged=len(fair), match=share))
    return shares


def _similarities(values: Sequence[float | None]) -> list[int]:
    """How many in each tenth from 0 to 1."""
    counts = [0] * 10
    for value in values:
        if value is not None:
            counts[min(9, int(value * 10))] += 1
    return counts


def _classes(legs: Sequence[Figures]) -> list[int]:
    counts = [0] * (len(TIME_BOUNDS_MS) + 1)
    for leg in legs:
        if leg.success:
            counts[sum(leg.duration_ms > bound for bound in TIME_BOUNDS_MS)] += 1
    return counts
