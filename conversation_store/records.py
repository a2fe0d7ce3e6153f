"""The rows of the store as values. Times are RFC 3339 UTC text, durations milliseconds."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from conversation_store.states import (
    ApprovalKind,
    ApprovalState,
    ComparisonState,
    Delivery,
    Isolation,
    RunState,
    Verdict,
)

ToggleScope = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["agent", "type", "global"]})]
ToggleMode = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["headless", "tmux"]})]
ComparisonKind = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["shadow", "self"]})]


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base: JSON is camelCase."""


class AgentRecord(Record, frozen=True, kw_only=True):
    """A named worker. `options` is what its adapter reads; the store does not look inside.

    `error` says that they cannot be read as they were written, and why.
    """

    agent_id: str
    type: str
    comm_mode: str
    options: dict[str, Any]
    created_at: str
    updated_at: str
    error: str | None = None


class ConversationRecord(Record, frozen=True, kw_only=True):
    """An agent's chat; `session_id` is the CLI's own, for resume, known since `session_at`.

    `session_mark` is how far that session's file is known (JSON).
    """

    conversation_id: str
    agent_id: str
    state: str
    session_id: str | None
    last_event_seq: int
    last_turn_seq: int
    created_at: str
    updated_at: str
    session_at: str | None
    session_mark: str | None = None


class TurnRecord(Record, frozen=True, kw_only=True):
    """One message. `direction` is inbound (to the agent) or outbound."""

    turn_id: str
    conversation_id: str
    seq: int
    role: str
    direction: str
    content: str
    run_id: str | None
    metadata: dict[str, Any]
    created_at: str


class RunRecord(Record, frozen=True, kw_only=True):
    """One execution of a prompt, or of what the CLI did by itself after the run `caused_by`."""

    run_id: str
    conversation_id: str
    agent_id: str
    state: RunState
    code: str | None
    error: str | None
    hint: str | None
    mode: str
    reason: str
    form: str | None
    cli_version: str | None
    session_id: str | None
    exit_code: int | None
    usage: dict[str, Any] | None
    cost_usd: float | None
    metadata: dict[str, Any]
    timeout_ms: int
    timeouts: dict[str, int]
    queued_at: str
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    request_hash: str | None
    route: dict[str, Any]
    trigger: str = "prompt"
    caused_by: str | None = None
    resets_at: str | None = None


class ProcessRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A process as written down: with the boot id, pid and start ticks name it for ever.

    `background` is the JSON list of what it has left to do after its runs' ends.
    """

    process_id: str
    run_id: str
    conversation_id: str
    agent_id: str
    pid: int
    start_ticks: int | None
    boot_id: str
    started_at: str
    background: str = "[]"


class BreakerRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A circuit breaker of a CLI type or of an agent (`scope`), as written down."""

    scope: str
    name: str
    state: str
    failures: int
    openings: int
    code: str | None
    retry_at: str | None
    changed_at: str


class ToggleRecord(Record, frozen=True, kw_only=True):
    """What stands for or against a mode: for an agent, for a CLI type, or for all (`global`).

    `automatic` is one that the service set by itself, for the reasons in `evidence`.
    """

    scope: ToggleScope
    name: str
    mode: ToggleMode
    automatic: bool
    reason: str
    set_by: str
    via: str
    since: str
    expires_at: str | None = None
    evidence: dict[str, Any] = {}


class ToggleEventRecord(msgspec.Struct, frozen=True):
    """One thing that happened to a toggle; `payload` is its JSON object, encoded."""

    seq: int
    scope: str
    name: str
    type: str
    time: str
    payload: bytes


class TicketRecord(Record, frozen=True, kw_only=True):
    """A message for an agent that polls, and the one reply to it."""

    ticket_id: str
    agent_id: str
    content: str
    metadata: dict[str, Any]
    sender: str
    created_at: str
    expires_at: str
    reply: str | None = None
    reply_metadata: dict[str, Any] | None = None
    replied_by: str | None = None
    replied_at: str | None = None


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A run's way through the active states `targets`; `form` is that of its process."""

    run_id: str
    targets: tuple[RunState, ...]
    now: str
    form: str | None = None


class NewEvent(msgspec.Struct, frozen=True):
    """An event to append: its type and its JSON object, encoded.

    `move` is what it tells of its run, and is made where the event is stored.
    """

    type: str
    time: str
    payload: bytes
    move: Move | None = None


class StoredEvent(msgspec.Struct, frozen=True):
    """A committed event. `payload` is the very JSON that was appended."""

    conversation_id: str
    seq: int
    run_id: str | None
    type: str
    time: str
    payload: bytes


class RunOutcome(Record, frozen=True, kw_only=True):
    """How a run ended; `answer` becomes the outbound turn, `partial` if it broke off."""

    state: RunState
    code: str | None = None
    error: str | None = None
    hint: str | None = None
    answer: str | None = None
    partial: bool = False
    turn_id: str | None = None
    form: str | None = None
    session_id: str | None = None
    cli_version: str | None = None
    exit_code: int | None = None
    usage: dict[str, Any] | None = None
    cost_usd: float | None = None
    duration_ms: int = 0
    metadata: dict[str, Any] = {}
    resets_at: str | None = None


class NewApproval(Record, frozen=True, kw_only=True):
    """A question as it was asked; nothing of it changes later.

    `input_hash` is the SHA-256 (hex) of the canonical JSON of {tool, input}: a decision says
    which one it saw. `process_id` and `request_id` name the asking process and its own id.
    """

    approval_id: str
    conversation_id: str
    run_id: str
    agent_id: str
    process_id: str
    request_id: str
    tool_call_id: str | None
    kind: ApprovalKind
    tool: str
    question: str
    input: dict[str, Any]
    input_hash: str
    nonce: str
    options: list[dict[str, Any]]
    hints: dict[str, Any]
    features: list[str]
    deciders: list[str]
    created_at: str
    expires_at: str
    warn_at: str


class ApprovalRecord(Record, frozen=True, kw_only=True):
    """An approval: the question, where it stands, the decision and what became of it."""

    approval_id: str
    conversation_id: str
    run_id: str
    agent_id: str
    process_id: str
    request_id: str
    tool_call_id: str | None
    kind: ApprovalKind
    tool: str
    question: str
    input: dict[str, Any]
    input_hash: str
    nonce: str
    options: list[dict[str, Any]]
    hints: dict[str, Any]
    features: list[str]
    deciders: list[str]
    state: ApprovalState
    created_at: str
    expires_at: str
    warn_at: str
    warned_at: str | None
    extensions: int
    decision: dict[str, Any] | None
    decided_by: str | None
    decided_via: str | None
    decided_at: str | None
    reason: str | None
    delivery: Delivery
    delivery_attempts: int
    delivery_error: str | None
    extended_ms: int


class ApprovalEventRecord(msgspec.Struct, frozen=True):
    """One thing that happened to an approval; `payload` is its JSON object, encoded."""

    seq: int
    approval_id: str
    type: str
    time: str
    payload: bytes


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
    tool_calls: list[ToolCall] = []
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
    reasons: list[Reason] = []
    notes: list[str] = []
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
