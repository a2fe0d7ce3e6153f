"""The report as one HTML page: no script, nothing loaded, every text escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from conversation_store.records import ComparisonDetail, LegBody
from shadow.diff import unified
from shadow.plots import bars, lines
from shadow.report import NOTHING_YET, Report, milliseconds, percent, shown, ways

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The Content-Security-Policy that the page works under."""

LONGEST_SHOWN = 40_000
"""Characters shown of each output and diff."""

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2024;--dim:#5b6570;--line:#d9dee3;--box:#f5f7f9;
--one:#1769c2;--two:#b4530a;--good:#177245;--bad:#b3261e;--add:#e2f5e7;--del:#fbe4e2}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e4e8ec;--dim:#98a3ae;--line:#333a41;
--box:#1c2126;--one:#6cb0f5;--two:#eda15f;--good:#5fcf92;--bad:#f2877f;--add:#173524;
--del:#42201e}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,sans-serif}main{max-width:70rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .6rem}p{margin:.4rem 0}
.dim{color:var(--dim)}.good{color:var(--good)}.bad{color:var(--bad)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;
border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--dim);font-weight:500}
.scroll{overflow-x:auto}.tiles{display:grid;gap:.8rem;
grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));margin:1rem 0}
.tile{background:var(--box);border:1px solid var(--line);border-radius:.5rem;padding:.7rem .9rem}
.tile b{display:block;font-size:1.5rem;line-height:1.3}.plots{display:grid;gap:1rem;
grid-template-columns:repeat(auto-fit,minmax(20rem,1fr))}figure{margin:0;background:var(--box);
border:1px solid var(--line);border-radius:.5rem;padding:.7rem}figcaption{font-weight:500}
svg{display:block;width:100%;height:auto}svg text{fill:var(--dim);font-size:11px}
.axis{stroke:var(--line)}.one{stroke:var(--one);fill:none;stroke-width:2}
.two{stroke:var(--two);fill:none;stroke-width:2}.onef{fill:var(--one)}.twof{fill:var(--two)}
.wanted{stroke:var(--dim);stroke-dasharray:4 4}
details{border:1px solid var(--line);border-radius:.5rem;margin:.6rem 0}
summary{padding:.5rem .8rem;cursor:pointer}details>div{padding:0 .8rem .8rem}
.both{display:grid;gap:.8rem;grid-template-columns:1fr 1fr}
@media(max-width:50rem){.both{grid-template-columns:1fr}}
pre{background:var(--box);border:1px solid var(--line);border-radius:.4rem;padding:.6rem;margin:0;
overflow:auto;max-height:28rem;white-space:pre-wrap;overflow-wrap:anywhere;
font:12.5px/1.45 ui-monospace,monospace}h3{font-size:.9rem;margin:.7rem 0 .3rem}
ins,del{text-decoration:none;display:block}ins{background:var(--add)}del{background:var(--del)}
"""


def html(report: Report) -> str:
    """The whole page."""
    title = f"Shadow report, {report.metrics.since[:10]} to {report.metrics.until[:10]}"
    body = "\n".join(_body(report))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{escape(title)}</h1>\n{body}\n</main></body></html>\n"
    )


def _body(report: Report) -> Iterator[str]:
    figures = report.metrics
    if not figures.comparisons:
        yield f"<p>{escape(NOTHING_YET)}</p>"
        return
    if figures.cut:
        yield f'<p class="dim">Only the newest {figures.comparisons} comparisons are here.</p>'
    yield from _criteria(report)
    yield from _tiles(report)
    yield '<h2>Over time</h2><div class="plots">'
    days = [day.day for day in figures.days]
    yield lines(
        "Match by day",
        days,
        {"match": [day.match for day in figures.days]},
        top=1.0,
        show=percent,
        wanted=figures.itself.match,
    )
    yield lines(
        "Median time by day",
        days,
        {
            "headless": [day.headless_p50_ms for day in figures.days],
            "tmux": [day.tmux_p50_ms for day in figures.days],
        },
        show=lambda value: milliseconds(None if value is None else round(value)),
    )
    yield '</div><h2>Distributions</h2><div class="plots">'
    tenths = [f"{tenth * 10} %" for tenth in range(10)]
    yield bars("How alike the answers are", tenths, {"comparisons": figures.similarities})
    bounds = [f"≤ {milliseconds(bound)}" for bound in figures.time_bounds_ms]
    yield bars(
        "Time of a run",
        [*bounds, "more"],
        {"headless": figures.headless_times, "tmux": figures.tmux_times},
    )
    yield "</div>"
    yield from _tables(report)
    if report.worst:
        yield "<h2>Worst mismatches</h2>"
        for detail in report.worst:
            yield from _detail(detail)


def _criteria(report: Report) -> Iterator[str]:
    criteria = report.criteria
    word, kind = ("ready", "good") if criteria.ready else ("not yet", "bad")
    span = f"{criteria.since[:10]} to {criteria.until[:10]}"
    yield f'<h2>tmux can go: <span class="{kind}">{word}</span></h2>'
    yield f'<p class="dim">Judged over {escape(span)}.</p>'
    rows = []
    for check in criteria.checks:
        mark = '<span class="good">met</span>' if check.ok else '<span class="bad">not met</span>'
        rows.append((escape(check.name), mark, *map(escape, (check.text, check.wanted))))
        rows[-1] = (*rows[-1], escape(check.missing or ""))
    yield _table(("Criterion", "", "Found", "Wanted", "Missing"), rows)


def _tiles(report: Report) -> Iterator[str]:
    figures = report.metrics
    tiles = (
        ("match", percent(figures.match), f"of {figures.judged} judged comparisons"),
        (
            "headless with itself",
            percent(figures.itself.match),
            f"of {figures.itself.judged}: what match can reach",
        ),
        ("headless success", percent(figures.headless.success), f"{figures.headless.legs} legs"),
        ("headless, median", milliseconds(figures.headless.times.p50_ms), "whole run"),
        ("tmux, median", milliseconds(figures.tmux.times.p50_ms), "whole run"),
    )
    yield '<div class="tiles">'
    for name, value, more in tiles:
        yield (
            f'<div class="tile"><span class="dim">{escape(name)}</span><b>{escape(value)}</b>'
            f'<span class="dim">{escape(more)}</span></div>'
        )
    yield "</div>"


def _tables(report: Report) -> Iterator[str]:
    figures = report.metrics
    yield "<h2>Headless beside tmux</h2>"
    yield _table(("", "headless", "tmux"), [tuple(map(escape, row)) for row in ways(figures)])
    if figures.agents:
        yield "<h2>Agents</h2>"
        rows = [
            (escape(a.agent_id), escape(a.type), str(a.judged), percent(a.match))
            for a in figures.agents
        ]
        yield _table(("Agent", "Type", "Judged", "Match"), rows)
    counts = [
        *figures.verdicts.items(),
        *((f"skipped: {w}", n) for w, n in figures.skipped.items()),
    ]
    yield "<h2>Verdicts</h2>"
    yield _table(("Verdict", "Comparisons"), [(escape(word), str(n)) for word, n in counts])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The cells are HTML."""
    head = "".join(f"<th>{escape(word)}</th>" for word in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _detail(detail: ComparisonDetail) -> Iterator[str]:
    one = detail.comparison
    head = f"{one.agent_id} · {one.verdict} · {percent(one.similarity)} alike · {one.created_at}"
    yield f"<details><summary>{escape(head)}</summary><div>"
    yield f'<p class="dim">{escape(one.comparison_id)}, run {escape(one.run_id)}</p><ul>'
    for reason in one.reasons:
        yield f"<li>{escape(reason.text)}</li>"
    yield "</ul>"
    primary, mirror = detail.primary or LegBody(), detail.mirror or LegBody()
    yield '<div class="both">'
    for mode, body in ((one.primary_mode, primary), (one.mirror_mode, mirror)):
        yield f"<div><h3>{escape(mode)}</h3><pre>{escape(_cut(body.output))}</pre></div>"
    yield f"</div><h3>Difference</h3>{_diff(unified(primary.output, mirror.output))}"
    for mode, body in ((one.primary_mode, primary), (one.mirror_mode, mirror)):
        if body.diff:
            yield f"<h3>Files changed, {escape(mode)}</h3>{_diff(body.diff)}"
    yield "</div></details>"


def _diff(text: str) -> str:
    parts = []
    for line in _cut(text).split("\n"):
        tag = {"+": "ins", "-": "del"}.get(line[:1])
        safe = escape(line)
        parts.append(f"<{tag}>{safe or ' '}</{tag}>" if tag else f"{safe}\n")
    return f"<pre>{''.join(parts) or 'none'}</pre>"


def _cut(text: str) -> str:
    text = shown(text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}\n[cut]"
