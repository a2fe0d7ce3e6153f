"""Two legs of a shadow run, side by side."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from conversation_store.records.base import Record
from conversation_store.states import ComparisonState, Isolation, Verdict

ComparisonKind = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["shadow", "self"]})]


class Figures(Record, frozen=True, kw_only=True):
    """What one leg of a comparison took. `corrupt` says how its output was damaged, if it was.

    `code` is why it failed; `time_to_first_ms` is from the leg's start to its first text or tool.
    """

    success: bool
    code: str | None = None
    duration_ms: int = 0
    time_to_first_ms: int | None = None
    usage: dict[str, Any] | None = None
    cost_usd: float | None = None
    tool_calls: int = 0
    corrupt: str | None = None


class ToolCall(Record, frozen=True, kw_only=True):
    """One call of a leg. Input that is too long to keep is {"sha256": ..., "bytes": ...}."""

    name: str
    input: dict[str, Any]


class FileChange(Record, frozen=True, kw_only=True):
    """A file that a leg added, modified or deleted. `content` is a hash of what it left there."""

    path: str
    change: str
    content: str


class LegBody(Record, frozen=True, kw_only=True):
    """What one leg said and did. `diff` is the unified diff of its tree; None if there is none."""

    output: str = ""
    tool_calls: list[ToolCall] = msgspec.field(default_factory=list)
    files: list[FileChange] | None = None
    diff: str | None = None


class Reason(Record, frozen=True, kw_only=True):
    """One thing in which two legs differ: a stable `code`, and a text for people."""

    code: str
    text: str


class NewComparison(Record, frozen=True, kw_only=True):
    """A comparison as it begins; `skipped_because` if it will not be made."""

    comparison_id: str
    conversation_id: str
    run_id: str
    agent_id: str
    agent_type: str
    kind: ComparisonKind
    primary_mode: str
    mirror_mode: str
    created_at: str
    skipped_because: str | None = None


class ComparisonResult(Record, frozen=True, kw_only=True):
    """How a comparison ended: with a verdict, or `skipped_because`."""

    verdict: Verdict | None = None
    skipped_because: str | None = None
    similarity: float | None = None
    reasons: list[Reason] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    isolation: Isolation = Isolation.NONE
    primary_figures: Figures | None = None
    mirror_figures: Figures | None = None
    primary_body: LegBody | None = None
    mirror_body: LegBody | None = None
    mirror_session: str | None = None


class ComparisonRecord(Record, frozen=True, kw_only=True):
    """A comparison without what the legs said.

    `kind` is `shadow` (the ways differ) or `self` (headless against headless). `notes` are
    stable words for what makes it less than a fair comparison.
    """

    comparison_id: str
    conversation_id: str
    run_id: str
    agent_id: str
    agent_type: str
    kind: ComparisonKind
    primary_mode: str
    mirror_mode: str
    state: ComparisonState
    skipped_because: str | None
    verdict: Verdict | None
    similarity: float | None
    reasons: list[Reason]
    notes: list[str]
    isolation: Isolation
    primary_figures: Figures | None
    mirror_figures: Figures | None
    mirror_session: str | None
    created_at: str
    finished_at: str | None


class ComparisonDetail(Record, frozen=True, kw_only=True):
    """A comparison with what both legs said and did."""

    comparison: ComparisonRecord
    primary: LegBody | None
    mirror: LegBody | None
