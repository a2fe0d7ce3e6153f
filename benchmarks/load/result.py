"""What a scenario found, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from benchmarks.harness import quantile


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt: the run's record (None: no answer came), and its latency in seconds."""

    run: dict[str, Any] | None
    seconds: float
    agent: str

    @property
    def ok(self) -> bool:
        """True if it was answered well."""
        return self.run is not None and bool(self.run.get("success"))


class Criterion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What had to be reached, the figure, and whether it was."""

    name: str
    figure: float
    wanted: str
    met: bool


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One scenario. Latencies are of the answered prompts, in ms; memory in MiB, CPU in s."""

    scenario: str
    prompts: int
    succeeded: int
    lost: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_second: float
    memory_mib: float
    cpu_s: float
    orphans: int
    modes: dict[str, int]
    criteria: list[Criterion]
    note: str = ""

    @property
    def met(self) -> bool:
        """True if every criterion is."""
        return all(criterion.met for criterion in self.criteria)


def at_least(name: str, figure: float, bound: float) -> Criterion:
    """A share (0 to 1) that must be over `bound`."""
    return Criterion(name=name, figure=figure, wanted=f"> {bound:.0%}", met=figure > bound)


def at_most(name: str, figure: float, bound: float, unit: str = "") -> Criterion:
    """A figure that must be under `bound`; a share if there is no unit."""
    wanted = f"< {bound:g}{unit}" if unit else f"< {bound:.0%}"
    return Criterion(name=name, figure=figure, wanted=wanted, met=figure < bound)


def result(
    scenario: str,
    samples: Sequence[Sample],
    criteria: list[Criterion],
    *,
    took: float,
    memory: int,
    cpu: float,
    orphans: int,
    note: str = "",
) -> Result:
    """The figures of a scenario's samples."""
    times = [sample.seconds * 1000 for sample in samples if sample.ok] or [0.0]
    modes: dict[str, int] = {}
    for sample in samples:
        if sample.run is not None and "route" in sample.run:
            mode = sample.run["route"]["mode"]
            modes[mode] = modes.get(mode, 0) + 1
    return Result(
        scenario=scenario,
        prompts=len(samples),
        succeeded=sum(sample.ok for sample in samples),
        lost=sum(sample.run is None for sample in samples),
        p50_ms=quantile(times, 0.5),
        p95_ms=quantile(times, 0.95),
        p99_ms=quantile(times, 0.99),
        per_second=len(samples) / took,
        memory_mib=memory / (1 << 20),
        cpu_s=cpu,
        orphans=orphans,
        modes=modes,
        criteria=[*criteria, at_most("orphans", orphans, 10, " processes")],
        note=note,
    )


_HEAD = ("scenario", "prompts", "ok", "p50 ms", "p95 ms", "p99 ms", "/s", "MiB", "CPU s", "orphans")


def _cells(found: Result) -> list[str]:
    return [
        found.scenario,
        str(found.prompts),
        str(found.succeeded),
        f"{found.p50_ms:.0f}",
        f"{found.p95_ms:.0f}",
        f"{found.p99_ms:.0f}",
        f"{found.per_second:.1f}",
        f"{found.memory_mib:.0f}",
        f"{found.cpu_s:.1f}",
        str(found.orphans),
    ]


def _criteria(found: Result) -> str:
    return "; ".join(
        f"{c.name} {_figure(c)} ({c.wanted}): {'met' if c.met else 'MISSED'}"
        for c in found.criteria
    )


def _figure(criterion: Criterion) -> str:
    return f"{criterion.figure:.1%}" if "%" in criterion.wanted else f"{criterion.figure:g}"


def line(found: Result | None) -> str:
    """A line of the terminal's table; its head without a result."""
    cells = list(_HEAD) if found is None else _cells(found)
    widths = (16, 8, 6, 8, 8, 8, 8, 6, 7, 8)
    text = cells[0].ljust(widths[0])
    text += "".join(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return text if found is None else f"{text}  {_criteria(found)}"


def markdown(results: Sequence[Result], about: str) -> str:
    """All results as a document."""
    head = "| " + " | ".join((*_HEAD, "modes", "criteria")) + " |"
    rule = "|" + "---|" * (len(_HEAD) + 2)
    rows = [
        "| "
        + " | ".join(
            [
                *_cells(found),
                ", ".join(f"{mode} {count}" for mode, count in sorted(found.modes.items())),
                _criteria(found) + (f"; {found.note}" if found.note else ""),
            ]
        )
        + " |"
        for found in results
    ]
    return "\n".join(["# Load test", "", about, "", head, rule, *rows, ""])
