"""Small plots as geometry: where the page draws which line, bar and label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

_W, _H = 460, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 10, 22, 24
_NAMES = ("one", "two")
_MOST_LABELS = 6

Show = Callable[[float | None], str]


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the plot with what is written there."""

    text: str
    x: float = 0.0
    y: float = 0.0


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A count; `name` is the class of its series: one or two."""

    name: str
    text: str
    x: float
    y: float
    width: float
    height: float


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """A line through the days that have a value."""

    name: str
    dots: list[Mark]


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """One figure; `wanted` is the height of a dashed line: what headless reaches with itself."""

    title: str
    grid: list[Mark]
    labels: list[Mark]
    legend: list[tuple[str, str]]
    paths: list[Path] = []
    bars: list[Bar] = []
    wanted: float | None = None
    width: int = _W
    height: int = _H
    left: int = _LEFT
    right: int = _W - _RIGHT


def lines(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    show: Show,
    top: float | None = None,
    wanted: float | None = None,
) -> Plot:
    """Values by day, whose labels end in MM-DD."""
    known = [value for values in series.values() for value in values if value is not None]
    most = top or max(known, default=1) or 1
    least = min([*known, wanted or most], default=0) * 0.9 if top else 0.0
    centres = _centres(len(labels))
    paths = [
        Path(
            name=name,
            dots=[
                Mark(text=f"{label}: {show(value)}", x=x, y=_y(value, least, most))
                for x, value, label in zip(centres, values, labels, strict=True)
                if value is not None
            ],
        )
        for name, values in zip(_NAMES, series.values(), strict=False)
    ]
    return Plot(
        title=title,
        grid=_grid(least, most, show),
        labels=_labels([label[-5:] for label in labels], centres),
        legend=_legend(series),
        paths=[path for path in paths if path.dots],
        wanted=None if wanted is None else _y(wanted, least, most),
    )


def bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> Plot:
    """Counts by class."""
    most = max((value for values in series.values() for value in values), default=0) or 1
    most += most % 2  # so that the middle line is a count, too
    centres = _centres(len(labels))
    width = (_W - _LEFT - _RIGHT) / max(1, len(labels)) * 0.8 / len(series)
    drawn = [
        Bar(
            name=name,
            text=f"{label}: {value}",
            x=round(centre - width * len(series) / 2 + place * width, 1),
            y=_y(value, 0, most),
            width=round(width, 1),
            height=round(_H - _BOTTOM - _y(value, 0, most), 1),
        )
        for place, (name, values) in enumerate(zip(_NAMES, series.values(), strict=False))
        for label, centre, value in zip(labels, centres, values, strict=True)
    ]
    return Plot(
        title=title,
        grid=_grid(0, most, lambda value: f"{value or 0:g}"),
        labels=_labels(labels, centres),
        legend=_legend(series),
        bars=drawn,
    )


def _legend(series: Mapping[str, object]) -> list[tuple[str, str]]:
    return list(zip(_NAMES, series, strict=False))


def _centres(count: int) -> list[float]:
    step = (_W - _LEFT - _RIGHT) / max(1, count)
    return [round(_LEFT + step * (place + 0.5), 1) for place in range(count)]


def _y(value: float, least: float, most: float) -> float:
    share = (value - least) / (most - least) if most > least else 1.0
    return round(_H - _BOTTOM - share * (_H - _TOP - _BOTTOM), 1)


def _grid(least: float, most: float, show: Show) -> list[Mark]:
    values = [least + share * (most - least) for share in (0.0, 0.5, 1.0)]
    return [Mark(text=show(value), y=_y(value, least, most)) for value in values]


def _labels(labels: Sequence[str], centres: Sequence[float]) -> list[Mark]:
    every = max(1, -(-len(labels) // _MOST_LABELS))
    return [
        Mark(text=label, x=x)
        for number, (label, x) in enumerate(zip(labels, centres, strict=True))
        if number % every == 0
    ]
