"""A window's comparisons as a document: the figures, the criteria, the worst mismatches."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from conversation_store.records import ComparisonDetail
from shadow.criteria import Readiness
from shadow.metrics import Metrics

NOTHING_YET = (
    "Nothing was compared in this window. Register an agent with commMode shadow "
    "(`agent-runner agents add NAME --type TYPE --comm-mode shadow`), or send one prompt with "
    '`"mode": "shadow"`, and come back.'
)
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`worst` are the least alike, with what both legs said."""

    metrics: Metrics
    criteria: Readiness
    worst: list[ComparisonDetail]


def markdown(report: Report) -> str:
    """The report for people and chats."""
    return "\n".join(_markdown(report)) + "\n"


def percent(share: float | None) -> str:
    """`95.2 %`; a dash for None."""
    return "-" if share is None else f"{100 * share:.4g} %"


def milliseconds(value: int | None) -> str:
    """`1.2 s` or `340 ms`; a dash for None."""
    if value is None:
        return "-"
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value} ms"


def _markdown(report: Report) -> Iterator[str]:
    figures, criteria = report.metrics, report.criteria
    yield f"# Shadow report, {figures.since[:10]} to {figures.until[:10]}"
    yield ""
    if not figures.comparisons:
        yield NOTHING_YET
        return
    said = "ready" if criteria.ready else "not yet"
    yield f"**tmux can go: {said}** ({criteria.since[:10]} to {criteria.until[:10]})"
    yield ""
    yield "| Criterion | | Wanted | Missing |"
    yield "|---|---|---|---|"
    for check in criteria.checks:
        mark = "ok" if check.ok else "**no**"
        yield f"| {check.name}: {mark} | {check.text} | {check.wanted} | {check.missing or ''} |"
    yield ""
    yield "| | headless | tmux |"
    yield "|---|---|---|"
    for name, first, second in by_mode(figures):
        yield f"| {name} | {first} | {second} |"
    yield ""
    yield (
        f"{percent(figures.match)} of {figures.judged} judged comparisons match; headless agrees "
        f"with itself in {percent(figures.itself.match)} of {figures.itself.judged}."
    )
    yield ""
    for title, counts in (("Verdict", figures.verdicts), ("Not compared", figures.skipped)):
        if counts:
            yield f"| {title} | |"
            yield "|---|---|"
            for word, count in counts.items():
                yield f"| {_cell(word)} | {count} |"
            yield ""
    if report.worst:
        yield "| Worst | Agent | Verdict | Alike | Why |"
        yield "|---|---|---|---|---|"
        for detail in report.worst:
            one = detail.comparison
            why = "; ".join(reason.text for reason in one.reasons)
            yield (
                f"| {one.comparison_id} | {_cell(one.agent_id)} | {one.verdict} "
                f"| {percent(one.similarity)} | {_cell(why)} |"
            )


def by_mode(figures: Metrics) -> list[tuple[str, str, str]]:
    """The rows of the table that has headless beside tmux."""
    both = (figures.headless, figures.tmux)
    rows = (
        ("legs", [str(way.legs) for way in both]),
        ("success", [percent(way.success) for way in both]),
        ("time, median", [milliseconds(way.times.p50_ms) for way in both]),
        ("time, 95 %", [milliseconds(way.times.p95_ms) for way in both]),
        ("first text or tool, median", [milliseconds(way.times.first_p50_ms) for way in both]),
        ("cost", [f"{way.cost_usd:.4g} USD" for way in both]),
        ("damaged outputs", [str(way.corrupt) for way in both]),
    )
    return [(name, values[0], values[1]) for name, values in rows]


def shown(text: str) -> str:
    """`text` with what is no character to be seen as U+FFFD."""
    return _UNSEEN.sub("\ufffd", text)


def _cell(text: str) -> str:
    """On one line, and no table's or markup's end."""
    cell = shown(" ".join(text.split()))
    for mark in "\\`*_[]<>|":
        cell = cell.replace(mark, f"\\{mark}")
    return cell
