"""The life of a run, from its acceptance to its end."""

from __future__ import annotations

from typing import Literal

import msgspec

from agent_runner.events.base import AgentEvent
from agent_runner.events.usage import Usage


class RunQueued(AgentEvent, frozen=True, kw_only=True, tag="run.queued"):
    """A prompt was accepted and committed. `position` counts the runs ahead of it.

    `attachments` are the ids of its files.
    """

    turn_id: str
    agent_id: str
    prompt: str
    position: int = 0
    attachments: list[str] = msgspec.field(default_factory=list)


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


class PromptEdited(AgentEvent, frozen=True, kw_only=True, tag="prompt.edited"):
    """A run that waits has another prompt now."""

    turn_id: str
    prompt: str


class PromptSteered(AgentEvent, frozen=True, kw_only=True, tag="prompt.steered"):
    """The prompt of this run was put into the turn of the run `into_run_id`, which answers it.

    This run is over with it. Until then it waits in the queue, where it stays if that turn takes
    no prompt (the notice `not_steered` says so) or ends before.
    """

    into_run_id: str
    turn_id: str


class SettingsApplied(AgentEvent, frozen=True, kw_only=True, tag="settings.applied"):
    """The model and the permission mode that hold for this run, in the CLI's own words.

    None is the CLI's default. `by` says how: the CLI was told by `message`, or a new `process`
    was started with them.
    """

    model: str | None
    permission_mode: str | None
    by: Literal["message", "process"]


class RunFinished(AgentEvent, frozen=True, kw_only=True, tag="run.finished"):
    """The one terminal event of a run. `turn_id` is the outbound turn, if there is one.

    A prompt that was put into another run's turn is answered there: `steered_into`.

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
    model: str | None = None
    steered_into: str | None = None


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
