"""The AgentEvent union: what can happen in a run, whichever CLI it happens in.

Adapters produce these from a CLI's lines; the run service adds the life of the run.
On the wire each is one flat JSON object `{seq, runId, conversationId, time, type, ...}`.
An ephemeral event (`EPHEMERAL`) is streamed and never stored, and has no seq; a later
durable event says the same in full, so nobody who missed it has missed anything.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

ToolStatus = Literal["completed", "failed", "denied"]


class Usage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Token counts of one turn. `None` is unknown, which is not zero."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None


class AgentEvent(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    rename="camel",
    omit_defaults=True,
    gc=False,
):
    """Base of every event; `ephemeral` says whether it is streamed only."""

    ephemeral: ClassVar[bool] = False


# --- the life of the run (made by the run service) -----------------------------------------


class RunQueued(AgentEvent, frozen=True, kw_only=True, tag="run.queued"):
    """A prompt was accepted and committed. `position` counts the runs ahead of it."""

    turn_id: str
    agent_id: str
    prompt: str
    position: int = 0


class RouteDecided(AgentEvent, frozen=True, kw_only=True, tag="route.decided"):
    """How the run is driven, and what decided so; a later one takes the place of the first.

    `source` is request, agent_toggle, type_toggle, global_toggle, canary, circuit, comm_mode
    or fallback: headless failed before it had done anything, for `after_code`.
    """

    mode: str
    source: str
    reason: str
    mirror: str | None = None
    after_code: str | None = None


class RunStarted(AgentEvent, frozen=True, kw_only=True, tag="run.started"):
    """The agent's turn has come. `form` is how the CLI is driven; `pid` is its process.

    `trigger` is `background` for what the CLI does by itself, after the run `caused_by`.
    """

    mode: str
    reason: str
    form: str
    agent_type: str
    cli_version: str | None = None
    pid: int | None = None
    reused: bool = False
    trigger: Literal["prompt", "background"] = "prompt"
    caused_by: str | None = None


class RunFinished(AgentEvent, frozen=True, kw_only=True, tag="run.finished"):
    """The one terminal event of a run. `turn_id` is the outbound turn, if there is one.

    `resets_at` is when the limit that failed it ends (RFC 3339 UTC), if the CLI said so.
    """

    state: str
    success: bool
    duration_ms: int
    code: str | None = None
    error: str | None = None
    hint: str | None = None
    turn_id: str | None = None
    session_id: str | None = None
    exit_code: int | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    resets_at: str | None = None


class TimeoutExpired(AgentEvent, frozen=True, kw_only=True, tag="timeout"):
    """One of the run's deadlines passed: `code` is start_timeout, stalled or timed_out.

    `action` says whether the run is ended for it or goes on (`supervision.on_stall: warn`).
    """

    code: str
    timeout: Literal["start", "no_output", "heartbeat", "command"]
    limit_ms: int
    action: Literal["cancel", "warn"] = "cancel"


class LimitReached(AgentEvent, frozen=True, kw_only=True, tag="limit"):
    """The CLI's tree is near a limit (`warning`) or over it, and is ended (`error`)."""

    limit: Literal["memory", "cpu", "processes", "output"]
    used: int
    of: int
    level: Literal["warning", "error"]


class CircuitChanged(AgentEvent, frozen=True, kw_only=True, tag="circuit.changed"):
    """This run's outcome opened or closed the circuit of its agent or of its CLI.

    While it is `open` no run is tried for `retry_in_ms`; then one is (`half_open`).
    """

    scope: Literal["agent", "type"]
    name: str
    state: Literal["closed", "open", "half_open"]
    failures: int
    code: str | None = None
    retry_in_ms: int | None = None


# --- the life of a warm process (made by the run service, of no run) -------------------------


class SessionWarning(AgentEvent, frozen=True, kw_only=True, tag="session.warning"):
    """The conversation's warm process will end soon, unless a prompt comes (`idle_closed`)."""

    reason: Literal["idle_closed", "lifetime_closed"]
    closes_in_ms: int
    pid: int


class SessionClosed(AgentEvent, frozen=True, kw_only=True, tag="session.closed"):
    """The conversation's warm process was ended; the next prompt resumes in a new one."""

    reason: Literal["idle_closed", "lifetime_closed", "evicted", "low_memory"]
    pid: int


class SessionQuarantined(AgentEvent, frozen=True, kw_only=True, tag="session.quarantined"):
    """The CLI could not go on with its session; a new one is started.

    It is told the `history_turns` last messages of the conversation, and knows nothing else of it.
    """

    session_id: str
    attempts: int
    error: str | None = None
    history_turns: int = 0


class SessionContinued(AgentEvent, frozen=True, kw_only=True, tag="session.continued_elsewhere"):
    """Somebody went on with the CLI's session by hand; what was said there is in `turn_ids`.

    Those turns of the conversation belong to no run. The next prompt goes to a new process, which
    knows them.
    """

    session_id: str
    turn_ids: list[str]


# --- what the agent does (made by the adapters) ---------------------------------------------


class SessionStarted(AgentEvent, frozen=True, kw_only=True, tag="session.started"):
    """The CLI opened or resumed its own session."""

    session_id: str
    model: str | None = None
    cwd: str | None = None
    cli_version: str | None = None
    permission_mode: str | None = None
    tools: list[str] | None = None
    mcp_servers: list[dict[str, Any]] | None = None


class PermissionModeChanged(AgentEvent, frozen=True, kw_only=True, tag="permission.mode"):
    """The CLI's permission mode is another one from now on: a plan was agreed to, say.

    `mode` and `before` are the CLI's own words. It holds until the process ends.
    """

    mode: str
    before: str | None = None


class MessageDelta(AgentEvent, frozen=True, kw_only=True, tag="message.delta"):
    """More text of the assistant message `item_id`, of a helper if it has a parent."""

    ephemeral: ClassVar[bool] = True
    item_id: str
    text: str
    parent_tool_call_id: str | None = None


class MessageCompleted(AgentEvent, frozen=True, kw_only=True, tag="message.completed"):
    """One whole block of assistant text; replaces its deltas.

    `partial` is one that broke off: the turn or its process ended before the text did.
    """

    item_id: str
    text: str
    parent_tool_call_id: str | None = None
    partial: bool = False


class ReasoningDelta(AgentEvent, frozen=True, kw_only=True, tag="reasoning.delta"):
    """More of the model's thinking in `item_id`, of a helper's if it has a parent."""

    ephemeral: ClassVar[bool] = True
    item_id: str
    text: str
    parent_tool_call_id: str | None = None


class ReasoningCompleted(AgentEvent, frozen=True, kw_only=True, tag="reasoning.completed"):
    """One whole block of thinking; replaces its deltas. `partial` is one that broke off."""

    item_id: str
    text: str
    parent_tool_call_id: str | None = None
    partial: bool = False


class ToolInputDelta(AgentEvent, frozen=True, kw_only=True, tag="tool.input.delta"):
    """More of a tool call's input as the model writes it: a piece of JSON text."""

    ephemeral: ClassVar[bool] = True
    tool_call_id: str
    name: str
    json: str
    parent_tool_call_id: str | None = None


class ToolStarted(AgentEvent, frozen=True, kw_only=True, tag="tool.started"):
    """The agent calls a tool. `kind` is ACP's: read, edit, execute, ..."""

    tool_call_id: str
    name: str
    input: dict[str, Any]
    title: str | None = None
    kind: str | None = None
    parent_tool_call_id: str | None = None


class ToolProgress(AgentEvent, frozen=True, kw_only=True, tag="tool.progress"):
    """A running tool says how far it is."""

    ephemeral: ClassVar[bool] = True
    tool_call_id: str
    text: str = ""
    elapsed_ms: int | None = None


class ToolCompleted(AgentEvent, frozen=True, kw_only=True, tag="tool.completed"):
    """A tool call is over. A failed tool is not a failed run.

    `truncated` tells that `output` is only its beginning: the line was over the limit, or
    damaged. Its bytes are in the run's raw log.
    """

    tool_call_id: str
    status: ToolStatus
    output: Any = None
    error: str | None = None
    name: str | None = None
    truncated: bool = False


class FileChanged(AgentEvent, frozen=True, kw_only=True, tag="file.changed"):
    """A tool wrote to a file, as the CLI reports it."""

    path: str
    change: Literal["created", "modified", "deleted", "unknown"]
    tool_call_id: str | None = None


class UsageReported(AgentEvent, frozen=True, kw_only=True, tag="usage"):
    """Token counts and cost so far or of this turn, as the CLI reports them."""

    usage: Usage
    cost_usd: float | None = None
    model: str | None = None


class RateLimit(AgentEvent, frozen=True, kw_only=True, tag="rate_limit"):
    """What the CLI says of one window of the account's limits; times are Unix seconds.

    The overage is what may be used beyond it.
    """

    status: str
    limit_type: str | None = None
    resets_at: float | None = None
    utilization: float | None = None
    using_overage: bool | None = None
    overage_status: str | None = None
    overage_resets_at: float | None = None
    overage_disabled_reason: str | None = None


class RetryScheduled(AgentEvent, frozen=True, kw_only=True, tag="retry"):
    """The CLI's model call failed and will be made again."""

    attempt: int
    code: str
    max_attempts: int | None = None
    delay_ms: int | None = None
    http_status: int | None = None
    message: str | None = None


class PermissionOption(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One of the answers the CLI offers; `kind` is ACP's allow_once, reject_once, ..."""

    option_id: str
    name: str
    kind: str


class PermissionRequested(AgentEvent, frozen=True, kw_only=True, tag="permission.requested"):
    """The CLI asks whether it may run a tool and waits for the answer.

    A `question` wants to know something, a `plan` is to be agreed to; a `tool` is a
    supervised tool that asks for itself. `tool_kind` is ACP's: read, edit, execute, ...
    """

    request_id: str
    name: str
    input: dict[str, Any]
    tool_call_id: str | None = None
    title: str | None = None
    options: list[PermissionOption] = []
    kind: Literal["permission", "question", "plan", "tool"] = "permission"
    tool_kind: str | None = None


class PermissionResolved(AgentEvent, frozen=True, kw_only=True, tag="permission.resolved"):
    """The question was answered: by whom, and how.

    `decided_by` is `policy` (then `rule` says which), `grant` (an approval from before the
    CLI was started again), `session` (this was allowed for the CLI's session before), `human`,
    `expiry`, or `cli` and `exit` for one that was cancelled.
    """

    request_id: str
    decision: Literal["allow", "deny", "cancelled"]
    decided_by: str
    message: str | None = None
    rule: str | None = None
    approval_id: str | None = None


# --- approvals (made by the store, with the move they tell of) -------------------------------


class ApprovalRequested(AgentEvent, frozen=True, kw_only=True, tag="approval.requested"):
    """The run waits until a human decides; `approval` is the whole record."""

    approval: dict[str, Any]


class ApprovalWarning(AgentEvent, frozen=True, kw_only=True, tag="approval.warning"):
    """Nobody has decided and the time is nearly over (`expiresAt`)."""

    approval: dict[str, Any]


class ApprovalExtended(AgentEvent, frozen=True, kw_only=True, tag="approval.extended"):
    """There is more time to decide."""

    approval: dict[str, Any]


class ApprovalResolved(AgentEvent, frozen=True, kw_only=True, tag="approval.resolved"):
    """It was approved or rejected, expired, or voided because nobody asks any more."""

    approval: dict[str, Any]


class ApprovalMoved(AgentEvent, frozen=True, kw_only=True, tag="approval.moved"):
    """It is asked by work that outlives its run: `approval.runId` is the run that waits now."""

    approval: dict[str, Any]


class ApprovalDelivery(AgentEvent, frozen=True, kw_only=True, tag="approval.delivery"):
    """A decision that the asking process did not live to hear is on its way, or was lost."""

    approval: dict[str, Any]


class ShadowCompared(AgentEvent, frozen=True, kw_only=True, tag="shadow.compared"):
    """A shadow run's legs were compared; comes after the run's end and is of no run.

    `similarity` (0 to 1) is absent if a leg failed.
    """

    comparison_id: str
    run_id: str
    kind: Literal["shadow", "self"]
    verdict: str
    similarity: float | None = None


class BackgroundTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Work that goes on after the turn that began it: a helper, a command.

    `tool_call_id` is the call that began it; `kind` is the CLI's own word.
    """

    task_id: str | None = None
    tool_call_id: str | None = None
    title: str = ""
    kind: str | None = None


class BackgroundLost(AgentEvent, frozen=True, kw_only=True, tag="background.lost"):
    """The process ended with work left to do in the background: `tasks` are lost.

    `reason` says why it ended: idle_closed, lifetime_closed, evicted, low_memory, shutdown,
    exit (by itself or killed), crash (the service was), ...
    """

    tasks: list[BackgroundTask]
    reason: str


class Notice(AgentEvent, frozen=True, kw_only=True, tag="notice"):
    """Something the CLI or the runner says that changes no outcome; `code` is stable."""

    code: str
    message: str = ""
    level: Literal["debug", "info", "warning", "error"] = "info"
    data: dict[str, Any] | None = None


class Activity(AgentEvent, frozen=True, kw_only=True, tag="activity"):
    """A sign of life with nothing to keep: thinking so far, a model call, a task's progress."""

    ephemeral: ClassVar[bool] = True
    code: str
    message: str = ""
    data: dict[str, Any] | None = None


class Unknown(AgentEvent, frozen=True, kw_only=True, tag="unknown"):
    """A well-formed line of a type that no schema knows. `source_type` is its own name."""

    source_type: str
    raw: str


class ParseError(AgentEvent, frozen=True, kw_only=True, tag="parse_error"):
    """A line that does not decode. `raw` shows it; its bytes are in the run's raw log."""

    error: str
    raw: str


class Oversize(AgentEvent, frozen=True, kw_only=True, tag="oversize"):
    """A line over the limit, kept in the run's raw log at `raw_offset`.

    Of what it said only a turn's end and a tool's end are told.
    """

    length_bytes: int
    sha256: str
    raw_offset: int


class TurnCompleted(AgentEvent, frozen=True, kw_only=True, tag="turn.completed"):
    """The agent's own verdict on the prompt; the run service turns it into the run's end.

    `unsolicited` marks a turn that the CLI began by itself (a finished background task):
    it answers no prompt and ends no run. A `partial` text is as far as the answer came.
    `untouched`: the CLI has certainly not had the prompt, which may go to another process.
    `resets_at` (Unix seconds) is when the limit that failed it ends, if the CLI gives a time
    beside its words.
    """

    ok: bool
    text: str | None = None
    code: str | None = None
    error: str | None = None
    stop_reason: str | None = None
    session_id: str | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    duration_ms: int | None = None
    num_turns: int | None = None
    unsolicited: bool = False
    partial: bool = False
    untouched: bool = False
    resets_at: float | None = None


AnyEvent = (
    RunQueued
    | RunStarted
    | RunFinished
    | TimeoutExpired
    | LimitReached
    | CircuitChanged
    | SessionWarning
    | SessionClosed
    | SessionQuarantined
    | SessionContinued
    | SessionStarted
    | PermissionModeChanged
    | MessageDelta
    | MessageCompleted
    | ReasoningDelta
    | ReasoningCompleted
    | ToolInputDelta
    | ToolStarted
    | ToolProgress
    | ToolCompleted
    | FileChanged
    | UsageReported
    | RateLimit
    | RetryScheduled
    | PermissionRequested
    | PermissionResolved
    | ApprovalRequested
    | ApprovalWarning
    | ApprovalExtended
    | ApprovalResolved
    | ApprovalMoved
    | ApprovalDelivery
    | ShadowCompared
    | BackgroundLost
    | Notice
    | Activity
    | Unknown
    | ParseError
    | Oversize
    | TurnCompleted
)


def event_type(event: AgentEvent) -> str:
    """The event's name on the wire: `message.completed`."""
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag
