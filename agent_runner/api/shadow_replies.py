"""Response bodies of shadow mode."""

from __future__ import annotations

from typing import Any, Literal

from agent_runner.api.replies import Reply

VerdictName = Literal[
    "match", "equivalent", "mismatch", "primary_failed", "mirror_failed", "both_failed"
]


class FiguresReply(Reply):
    """What one leg took. `corrupt` says how its output was damaged, if it was."""

    success: bool
    code: str | None
    duration_ms: int
    time_to_first_ms: int | None
    usage: dict[str, Any] | None
    cost_usd: float | None
    tool_calls: int
    corrupt: str | None


class ReasonReply(Reply):
    """One thing in which the legs differ."""

    code: str
    text: str


class ComparisonReply(Reply):
    """A comparison. `kind` is `shadow` (the ways differ) or `self` (headless with itself).

    `notes` are what makes it less than fair; `isolation` is where the mirror worked.
    """

    comparison_id: str
    conversation_id: str
    run_id: str
    agent_id: str
    agent_type: str
    kind: Literal["shadow", "self"]
    primary_mode: str
    mirror_mode: str
    state: Literal["running", "done", "skipped"]
    skipped_because: str | None
    verdict: VerdictName | None
    similarity: float | None
    reasons: list[ReasonReply]
    notes: list[str]
    isolation: Literal["worktree", "copy", "read_only", "none"]
    primary_figures: FiguresReply | None
    mirror_figures: FiguresReply | None
    mirror_session: str | None
    created_at: str
    finished_at: str | None


class ComparisonListReply(Reply):
    """`nextBefore` asks for the next, older page; absent on the last."""

    comparisons: list[ComparisonReply]
    next_before: str | None = None


class ToolCallReply(Reply):
    """One call of a leg."""

    name: str
    input: dict[str, Any]


class FileChangeReply(Reply):
    """A file that a leg left behind otherwise; `content` is a hash."""

    path: str
    change: str
    content: str


class LegReply(Reply):
    """What one leg said and did; `files` and `diff` are null where that cannot be told."""

    output: str
    tool_calls: list[ToolCallReply]
    files: list[FileChangeReply] | None
    diff: str | None


class ComparisonDetailReply(Reply):
    """A comparison with both outputs; `outputDiff` is their unified diff."""

    comparison: ComparisonReply
    primary: LegReply | None
    mirror: LegReply | None
    output_diff: str


class TimesReply(Reply):
    """Of legs that succeeded."""

    p50_ms: int | None
    p95_ms: int | None
    first_p50_ms: int | None


class WayReply(Reply):
    """One way; `success` is a share."""

    legs: int
    success: float | None
    corrupt: int
    times: TimesReply
    cost_usd: float


class AgreementReply(Reply):
    """How often headless agrees with itself: what `match` can reach at best."""

    judged: int
    match: float | None
    similarity: float | None


class DayReply(Reply):
    """One day (UTC)."""

    day: str
    judged: int
    match: float | None
    headless_p50_ms: int | None
    tmux_p50_ms: int | None


class AgentShareReply(Reply):
    """One agent."""

    agent_id: str
    type: str
    judged: int
    match: float | None


class MetricsReply(Reply):
    """The figures of a window; shares are from 0 to 1.

    `similarities` counts comparisons by tenths, `...Times` legs by `timeBoundsMs` and above.
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
    headless: WayReply
    tmux: WayReply
    itself: AgreementReply
    days: list[DayReply]
    agents: list[AgentShareReply]
    similarities: list[int]
    headless_times: list[int]
    tmux_times: list[int]
    time_bounds_ms: list[int]


class CriterionReply(Reply):
    """One criterion; `missing` says what it lacks."""

    name: str
    ok: bool
    value: float | None
    wanted: str
    text: str
    missing: str | None


class CriteriaReply(Reply):
    """Whether tmux can go."""

    ready: bool
    since: str
    until: str
    comparisons: int
    checks: list[CriterionReply]


class ComparisonWithBodiesReply(Reply):
    """A comparison with what both legs said."""

    comparison: ComparisonReply
    primary: LegReply | None
    mirror: LegReply | None


class ShadowReportReply(Reply):
    """`worst` are the least alike."""

    metrics: MetricsReply
    criteria: CriteriaReply
    worst: list[ComparisonWithBodiesReply]
