"""Thirty days of comparisons, as good as asked."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta

import msgspec

from conversation_store.interfaces import Store
from conversation_store.records import (
    ComparisonResult,
    Figures,
    FileChange,
    LegBody,
    NewComparison,
    Reason,
)
from conversation_store.states import Isolation, Verdict
from tests.helpers.rows import new_run

Comparison = tuple[NewComparison, ComparisonResult]


def history(
    *,
    days: int = 30,
    per_day: int = 20,
    mismatches: float = 0.02,
    failures: float = 0.001,
    gain: float = 0.4,
    corrupt: int = 0,
    own_mismatches: float = 0.03,
    last_day: str = "2026-11-20",
    seed: int = 1,
) -> Iterator[Comparison]:
    """Comparisons up to `last_day`; of five, one is of headless with itself."""
    chance = random.Random(seed)
    end = date.fromisoformat(last_day)
    number = 0
    for day in range(days - 1, -1, -1):
        when = end - timedelta(days=day)
        for _ in range(per_day):
            number += 1
            kind = "self" if number % 5 == 0 else "shadow"
            share = own_mismatches if kind == "self" else mismatches
            failed = kind == "shadow" and chance.random() < failures
            differs = chance.random() < share
            tmux_ms = round(chance.lognormvariate(8.7, 0.5))
            headless_ms = round(tmux_ms * (1 - gain) * chance.uniform(0.8, 1.2))
            at = f"{when}T{chance.randrange(24):02}:{chance.randrange(60):02}:00.000Z"
            yield _one(number, kind, at, failed, differs, tmux_ms, headless_ms, number <= corrupt)


def _one(
    number: int,
    kind: str,
    at: str,
    failed: bool,
    differs: bool,
    tmux_ms: int,
    headless_ms: int,
    corrupt: bool,
) -> Comparison:
    new = NewComparison(
        comparison_id=f"cmp_{at}_{number:05}",
        conversation_id=f"conv_{number}",
        run_id=f"run_{number}",
        agent_id="worker",
        agent_type="claude-code",
        kind=kind,
        primary_mode="tmux" if kind == "shadow" else "headless",
        mirror_mode="headless",
        created_at=at,
    )
    verdict = Verdict.MISMATCH if differs else Verdict.MATCH
    if failed:
        verdict = Verdict.MIRROR_FAILED
    answer = f"Done <b>&amp;</b>: {number} tests pass.\n\n```sh\nmake test\n```\n"
    other = "I cannot find that file.\n<script>alert(1)</script>\n" if differs else answer
    change = FileChange(path="a.py", change="modified", content="1")
    result = ComparisonResult(
        verdict=verdict,
        similarity=None if failed else 0.31 if differs else 1.0,
        reasons=[Reason(code="text_differs", text="the answers are 31 % alike, under 80 %")]
        if differs
        else [],
        isolation=Isolation.WORKTREE,
        primary_figures=Figures(
            success=True, duration_ms=tmux_ms, time_to_first_ms=tmux_ms // 3, cost_usd=0.01
        ),
        mirror_figures=Figures(
            success=not failed,
            code="stalled" if failed else None,
            duration_ms=headless_ms,
            time_to_first_ms=headless_ms // 3,
            cost_usd=0.01,
            corrupt="1 broken lines" if corrupt else None,
        ),
        primary_body=LegBody(output=answer, files=[change], diff="--- a\n+++ b\n-x\n+<y>\n"),
        mirror_body=LegBody(output=other, files=[change], diff="--- a\n+++ b\n-x\n+<z>\n"),
    )
    return new, result


async def seed(store: Store, comparisons: Iterator[Comparison], agent_id: str = "worker") -> None:
    """Put them into a store that has the agent."""
    for made, result in comparisons:
        new = msgspec.structs.replace(made, agent_id=agent_id)
        number = int(new.comparison_id.rsplit("_")[-1])
        await store.runs.accept(new_run(number, new.conversation_id, agent_id=agent_id), [])
        await store.comparisons.begin(new)
        await store.comparisons.finish(new.comparison_id, result, now=new.created_at)
