"""Small SVG plots in the classes of the page's style: `one` and `two` are the series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

_W, _H = 460, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 10, 22, 24
_NAMES = ("one", "two")
_MOST_LABELS = 6

Show = Callable[[float | None], str]


def lines(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    show: Show,
    top: float | None = None,
    wanted: float | None = None,
) -> str:
    """Values by day, whose labels end in MM-DD.

    `wanted` is a dashed line: what headless reaches with itself.
    """
    known = [value for values in series.values() for value in values if value is not None]
    most = top or max(known, default=1) or 1
    least = min([*known, wanted or most], default=0) * 0.9 if top else 0.0
    short = [label[-5:] for label in labels]
    parts = [_grid(least, most, show), _labels(short, _centres(len(labels)))]
    for name, values in zip(_NAMES, series.values(), strict=False):
        parts += _path(name, values, least, most, show, labels)
    if wanted is not None:
        y = _y(wanted, least, most)
        parts.append(f'<line class="wanted" x1="{_LEFT}" x2="{_W - _RIGHT}" y1="{y}" y2="{y}"/>')
    more = ["headless with itself (dashed)"] if wanted is not None else []
    return _figure(title, [*series], parts, more)


def bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    """Counts by class."""
    most = max((value for values in series.values() for value in values), default=0) or 1
    most += most % 2  # so that the middle line is a count, too
    centres = _centres(len(labels))
    width = (_W - _LEFT - _RIGHT) / max(1, len(labels)) * 0.8 / len(series)
    parts = [_grid(0, most, lambda value: f"{value or 0:g}"), _labels(labels, centres)]
    for place, (name, values) in enumerate(zip(_NAMES, series.values(), strict=False)):
        for label, centre, value in zip(labels, centres, values, strict=True):
            x = centre - width * len(series) / 2 + place * width
            y = _y(value, 0, most)
            parts.append(
                f'<rect class="{name}f" x="{x:.1f}" y="{y}" width="{width:.1f}" '
                f'height="{_H - _BOTTOM - y:.1f}"><title>{escape(label)}: {value}</title></rect>'
            )
    return _figure(title, [*series], parts, [])


def _figure(title: str, names: Sequence[str], parts: Sequence[str], more: Sequence[str]) -> str:
    legend = [
        f'<tspan class="{kind}f" dx="6">■</tspan><tspan dx="4">{escape(name)}</tspan>'
        for kind, name in zip(_NAMES, names, strict=False)
    ]
    legend += [f'<tspan dx="10">{escape(word)}</tspan>' for word in more]
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {_W} {_H}" role="img" aria-label="{escape(title)}">'
        f'{"".join(parts)}<text x="{_LEFT}" y="12">{"".join(legend)}</text></svg></figure>'
    )


def _centres(count: int) -> list[float]:
    step = (_W - _LEFT - _RIGHT) / max(1, count)
    return [_LEFT + step * (place + 0.5) for place in range(count)]


def _y(value: float, least: float, most: float) -> float:
    share = (value - least) / (most - least) if most > least else 1.0
    return round(_H - _BOTTOM - share * (_H - _TOP - _BOTTOM), 1)


def _grid(least: float, most: float, show: Show) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        value = least + share * (most - least)
        y = _y(value, least, most)
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_W - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{escape(show(value))}</text>'
        )
    return "".join(parts)


def _labels(labels: Sequence[str], centres: Sequence[float]) -> str:
    every = max(1, -(-len(labels) // _MOST_LABELS))
    return "".join(
        f'<text x="{x:.1f}" y="{_H - 8}" text-anchor="middle">{escape(label)}</text>'
        for number, (label, x) in enumerate(zip(labels, centres, strict=True))
        if number % every == 0
    )


def _path(
    name: str,
    values: Sequence[float | None],
    least: float,
    most: float,
    show: Show,
    labels: Sequence[str],
) -> list[str]:
    """A line through the days that have a value, and a dot with its figures on each."""
    points = [
        (x, _y(value, least, most), label, value)
        for x, value, label in zip(_centres(len(values)), values, labels, strict=True)
        if value is not None
    ]
    if not points:
        return []
    drawn = " ".join(f"{x:.1f},{y}" for x, y, _, _ in points)
    dots = [
        f'<circle class="{name}f" cx="{x:.1f}" cy="{y}" r="2.5">'
        f"<title>{escape(label)}: {escape(show(value))}</title></circle>"
        for x, y, label, value in points
    ]
    return [f'<polyline class="{name}" points="{drawn}"/>', *dots]
