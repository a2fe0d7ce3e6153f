"""Response bodies, for /openapi.json: what the routes answer is held against them by a test."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Reply(BaseModel):
    """Base of responses: camelCase, open to new fields."""

    model_config = ConfigDict(alias_generator=to_camel, defer_build=True, validate_by_name=True)


class AgentReply(Reply):
    """An agent as registered; `error` says why its options cannot be used, if they cannot.

    Of each secret in the options there is a `*`; sent back in a PATCH it changes nothing.
    """

    agent_id: str
    type: str
    comm_mode: str
    options: dict[str, Any]
    created_at: str
    updated_at: str
    error: str | None = None


class AgentListReply(Reply):
    """`GET /agents`."""

    agents: list[AgentReply]


class RouteReply(Reply):
    """How a run is driven, and why; `source` is what decided (runbooks/fallback.md).

    `requested` is what the request asked for; after a failed headless leg `afterCode` says
    why; `mirror` is the other leg's mode in shadow.
    """

    mode: str
    reason: str
    source: str | None = None
    requested: str | None = None
    mirror: str | None = None
    after_code: str | None = None


class RunReply(Reply):
    """A run. `content` is the agent's answer, once there is one.

    `trigger` is `prompt`, or `background` for what the CLI did by itself after the run
    `causedBy`. With `until: settled` such runs are in `background`. `resetsAt` is when the limit
    that failed it ends, if the CLI said so.
    """

    run_id: str
    turn_id: str | None
    conversation_id: str
    agent_id: str
    content: str | None
    success: bool
    status: str
    code: str | None
    error: str | None
    hint: str | None
    resets_at: str | None
    duration_ms: int | None
    route: RouteReply
    form: str | None
    cli_version: str | None
    usage: dict[str, Any] | None
    cost_usd: float | None
    session_id: str | None
    queued_at: str
    started_at: str | None
    finished_at: str | None
    trigger: str
    caused_by: str | None
    metadata: dict[str, Any]
    background: list[RunReply] | None = None


class ConversationReply(Reply):
    """An agent's chat; `sessionId` is the CLI's own."""

    conversation_id: str
    agent_id: str
    state: str
    session_id: str | None
    last_event_seq: int
    last_turn_seq: int
    created_at: str
    updated_at: str
    session_at: str | None


class ConversationListReply(Reply):
    """`nextBefore` asks for the next, older page; absent on the last."""

    conversations: list[ConversationReply]
    next_before: str | None = None


class TurnReply(Reply):
    """One message of a conversation."""

    turn_id: str
    conversation_id: str
    seq: int
    role: str
    direction: str
    content: str
    run_id: str | None
    metadata: dict[str, Any]
    created_at: str


class TurnListReply(Reply):
    """A conversation and a page of its turns; `nextAfter` asks for the next page."""

    conversation: ConversationReply | None
    turns: list[TurnReply]
    next_after: int | None = None


class EndSessionReply(Reply):
    """The conversation that was ended; null if none was open."""

    conversation_id: str | None


class CancelReply(Reply):
    """The run that is being ended."""

    run_id: str
    conversation_id: str


class LockReply(Reply):
    """The run that holds an agent, since when, and the process that serves it.

    `waits` for a human; `lastEventMs` is the age of its newest event.
    """

    run_id: str
    conversation_id: str
    since: str
    pid: int | None
    session_id: str | None
    waits: bool
    last_event: str | None
    last_event_ms: int | None


class BackgroundTaskReply(Reply):
    """Work that goes on after the turn that began it; `kind` is the CLI's own word."""

    task_id: str | None = None
    tool_call_id: str | None = None
    title: str = ""
    kind: str | None = None


class WarmReply(Reply):
    """A warm process between two runs; `background` is what it has left to do."""

    conversation_id: str
    session_id: str | None
    pid: int
    idle_ms: int
    age_ms: int
    closes_in_ms: int
    closes_for: str
    background: list[BackgroundTaskReply]


class SessionReply(Reply):
    """One agent: `state` is busy, queued, warm or idle.

    `behind` are the runs of what its CLI does by itself.
    """

    agent_id: str
    type: str
    state: str
    lock: LockReply | None
    queued: list[str]
    behind: list[str]
    warm: list[WarmReply]


class SessionListReply(Reply):
    """`GET /agents/sessions/status`."""

    sessions: list[SessionReply]


class ProcessReply(Reply):
    """A living CLI; the last three are of its whole tree."""

    process_id: str
    pid: int
    agent_id: str
    conversation_id: str
    run_id: str | None
    form: str
    session_id: str | None
    started_at: str
    age_ms: int
    processes: int
    memory_bytes: int
    cpu_s: float


class ProcessListReply(Reply):
    """`GET /agents/processes/status`."""

    warden_pid: int
    processes: list[ProcessReply]


class TerminalReply(Reply):
    """`GET /agents/{agentId}/terminal`: what the UI shows, and its tmux."""

    agent_id: str
    conversation_id: str
    session_id: str | None
    pid: int
    socket: str
    session: str
    at: str
    text: str


class LogReply(Reply):
    """One run's raw output on one stream."""

    run_id: str
    stream: str
    size_bytes: int
    modified_at: str


class LogListReply(Reply):
    """`GET /agents/{agentId}/logs`, newest run first."""

    logs: list[LogReply]


class CircuitReply(Reply):
    """A breaker of an agent or of a CLI type (`scope`): closed, open or half_open."""

    scope: str
    name: str
    state: str
    failures: int
    openings: int
    code: str | None
    retry_in_ms: int | None


class CircuitListReply(Reply):
    """Breakers by scope and name; one that has seen nothing is not listed."""

    circuits: list[CircuitReply]


class ToggleReply(Reply):
    """What stands for an agent, a CLI type, or all (`scope` global, `name` *).

    `automatic`: the service set it, for the reasons in `evidence`.
    """

    scope: Literal["agent", "type", "global"]
    name: str
    mode: Literal["headless", "tmux"]
    automatic: bool
    reason: str
    set_by: str
    via: str
    since: str
    expires_at: str | None
    evidence: dict[str, Any]


class TogglesClearedReply(Reply):
    """`POST /api/fallback/clear-all`."""

    cleared: list[ToggleReply]


class OutlookReply(Reply):
    """How a run of an agent that begins now is driven; `mode` is null if none may.

    `terminal` is true if its CLI can be driven in tmux here.
    """

    agent_id: str
    type: str
    comm_mode: str
    mode: str | None
    source: str
    reason: str
    terminal: bool


class FallbackStatusReply(Reply):
    """`lastEventSeq` is where to listen from; `tmux` is true if it is installed."""

    toggles: list[ToggleReply]
    agents: list[OutlookReply]
    circuits: list[CircuitReply]
    automatic: bool
    tmux: bool
    last_event_seq: int


class AuditEntryReply(Reply):
    """One change: its `type`, the toggle, and who made it, by which way and why."""

    seq: int
    time: str
    type: str
    scope: str
    name: str


class AuditReply(Reply):
    """`nextBefore` asks for the next, older page; absent on the last."""

    entries: list[AuditEntryReply]
    next_before: int | None = None


class TicketReply(Reply):
    """A message for an agent that polls: pending, replied or expired."""

    ticket_id: str
    agent_id: str
    state: Literal["pending", "replied", "expired"]
    content: str
    metadata: dict[str, Any]
    sender: str
    created_at: str
    expires_at: str
    reply: str | None
    reply_metadata: dict[str, Any] | None
    replied_by: str | None
    replied_at: str | None


class TicketListReply(Reply):
    """`nextAfter` asks for the next, newer page; absent on the last."""

    tickets: list[TicketReply]
    next_after: str | None = None


class ApprovalReply(Reply):
    """An approval: the question, where it stands, the decision and what became of it."""

    approval_id: str
    conversation_id: str
    run_id: str
    agent_id: str
    process_id: str
    request_id: str
    tool_call_id: str | None
    kind: Literal["permission", "question", "plan", "tool"]
    tool: str
    question: str
    input: dict[str, Any]
    input_hash: str
    nonce: str
    options: list[dict[str, Any]]
    hints: dict[str, Any]
    features: list[str]
    deciders: list[str]
    state: Literal["pending", "approved", "rejected", "expired", "voided"]
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
    delivery: Literal["none", "waiting", "resuming", "delivered", "failed"]
    delivery_attempts: int
    delivery_error: str | None
    extended_ms: int


class ApprovalListReply(Reply):
    """`pending` counts all that wait; `lastEventSeq` is where to listen from."""

    approvals: list[ApprovalReply]
    pending: int
    last_event_seq: int
    next_before: str | None = None


class HeartbeatReply(Reply):
    """The run that the sign of life was noted for."""

    run_id: str


class StoreHealthReply(Reply):
    """What the database can do, since when; a problem of /health and /ready has it too."""

    state: Literal["ok", "full", "locked", "unwritable", "corrupt", "fenced"]
    since: str
    detail: str | None
    code: str | None
    backup: str | None


class TroubleReply(Reply):
    """Something beside the requests that does not work now: a stable code and the newest reason."""

    code: Literal[
        "log_not_written",
        "background_work_failing",
        "background_task_failed",
        "maintenance_failed",
        "wal_not_folded",
    ]
    what: str
    since: str
    count: int
    detail: str


class HealthReply(Reply):
    """The service lives; `status` is ok, degraded (see `troubles`) or ready."""

    status: str
    version: str
    store: StoreHealthReply
    troubles: list[TroubleReply]


class ProblemReply(Reply):
    """Every error, as application/problem+json."""

    type: str
    title: str
    status: int
    code: str
    error: str
    hint: str | None = None
