"""The report as one HTML page: no script, nothing loaded, every text escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from conversation_store.records import ComparisonDetail, LegBody
from shadow.diff import unified
from shadow.plots import Plot, bars, lines
from shadow.report import NOTHING_YET, Report, by_mode, milliseconds, percent, shown

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The Content-Security-Policy that the page works under."""

LONGEST_SHOWN = 40_000
"""Characters shown of each output and diff."""

Tagged = tuple[str | None, str]
"""A line of a diff, and the element that it is shown in."""


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("shadow"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def html(report: Report) -> str:
    """The whole page."""
    figures = report.metrics
    counts = [*figures.verdicts.items()]
    counts += [(f"skipped: {why}", count) for why, count in figures.skipped.items()]
    template = _environment().get_template("report.html.j2")
    return template.render(
        title=f"Shadow report, {figures.since[:10]} to {figures.until[:10]}",
        policy=POLICY,
        nothing_yet=NOTHING_YET,
        figures=figures,
        criteria=report.criteria,
        tiles=_tiles(report),
        over_time=_over_time(report),
        distributions=_distributions(report),
        by_mode=list(by_mode(figures)),
        agents=[(a.agent_id, a.type, a.judged, percent(a.match)) for a in figures.agents],
        counts=counts,
        worst=[_detail(detail) for detail in report.worst],
    )


def _over_time(report: Report) -> list[Plot]:
    figures = report.metrics
    days = [day.day for day in figures.days]
    match = lines(
        "Match by day",
        days,
        {"match": [day.match for day in figures.days]},
        top=1.0,
        show=percent,
        wanted=figures.itself.match,
    )
    times = lines(
        "Median time by day",
        days,
        {
            "headless": [day.headless_p50_ms for day in figures.days],
            "tmux": [day.tmux_p50_ms for day in figures.days],
        },
        show=lambda value: milliseconds(None if value is None else round(value)),
    )
    return [match, times]


def _distributions(report: Report) -> list[Plot]:
    figures = report.metrics
    tenths = [f"{tenth * 10} %" for tenth in range(10)]
    bounds = [f"≤ {milliseconds(bound)}" for bound in figures.time_bounds_ms]
    return [
        bars("How alike the answers are", tenths, {"comparisons": figures.similarities}),
        bars(
            "Time of a run",
            [*bounds, "more"],
            {"headless": figures.headless_times, "tmux": figures.tmux_times},
        ),
    ]


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    figures = report.metrics
    return [
        ("match", percent(figures.match), f"of {figures.judged} judged comparisons"),
        (
            "headless with itself",
            percent(figures.itself.match),
            f"of {figures.itself.judged}: what match can reach",
        ),
        ("headless success", percent(figures.headless.success), f"{figures.headless.legs} legs"),
        ("headless, median", milliseconds(figures.headless.times.p50_ms), "whole run"),
        ("tmux, median", milliseconds(figures.tmux.times.p50_ms), "whole run"),
    ]


def _detail(detail: ComparisonDetail) -> dict[str, Any]:
    one = detail.comparison
    primary, mirror = detail.primary or LegBody(), detail.mirror or LegBody()
    legs = ((one.primary_mode, primary), (one.mirror_mode, mirror))
    return {
        "head": f"{one.agent_id} · {one.verdict} · {percent(one.similarity)} alike"
        f" · {one.created_at}",
        "comparison_id": one.comparison_id,
        "run_id": one.run_id,
        "reasons": [reason.text for reason in one.reasons],
        "outputs": [(mode, _cut(body.output)) for mode, body in legs],
        "difference": _tagged(unified(primary.output, mirror.output)),
        "files": [(mode, _tagged(body.diff)) for mode, body in legs if body.diff],
    }


def _tagged(diff: str) -> list[Tagged]:
    if not diff:
        return []
    return [({"+": "ins", "-": "del"}.get(line[:1]), line) for line in _cut(diff).split("\n")]


def _cut(text: str) -> str:
    text = shown(text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}\n[cut]"
