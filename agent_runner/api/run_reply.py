"""A run as it is answered."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from msgspec import UNSET, UnsetType

from agent_runner.api.replies import Reply
from conversation_store.records import RunRecord
from conversation_store.states import RunState


class RouteReply(TypedDict):
    """How a run is driven, and why; `source` is what decided (runbooks/fallback.md).

    `requested` is what the request asked for; after a failed headless leg `afterCode` says
    why; `mirror` is the other leg's mode in shadow.
    """

    mode: str
    reason: str
    source: NotRequired[str]
    requested: NotRequired[str]
    mirror: NotRequired[str]
    afterCode: NotRequired[str]


class RunReply(Reply, frozen=True, kw_only=True):
    """A run. `content` is the agent's answer, once there is one.

    `trigger` is `prompt`, or `background` for what the CLI did by itself after the run
    `causedBy`. With `until: settled` such runs are in `background`. `resetsAt` is when the limit
    that failed it ends, if the CLI said so. A prompt that was put into the turn of another run
    is answered there: `steeredInto`. `overrides` are options that held for this run alone.
    """

    run_id: str
    turn_id: str | None
    conversation_id: str
    agent_id: str
    content: str | None
    success: bool
    status: RunState
    code: str | None
    error: str | None
    hint: str | None
    resets_at: str | None
    steered_into: str | None
    duration_ms: int | None
    route: RouteReply
    form: str | None
    cli_version: str | None
    model: str | None
    overrides: dict[str, Any]
    usage: dict[str, Any] | None
    cost_usd: float | None
    session_id: str | None
    queued_at: str
    started_at: str | None
    finished_at: str | None
    trigger: str
    caused_by: str | None
    metadata: dict[str, Any]
    background: list[RunReply] | UnsetType = UNSET


_SAME = frozenset(RunReply.__struct_fields__) & frozenset(RunRecord.__struct_fields__)
"""Fields that the record has under the same name."""


def run_reply(
    run: RunRecord,
    turn_id: str | None,
    content: str | None,
    background: list[RunReply] | UnsetType = UNSET,
) -> RunReply:
    """The answer about `run`, which the turn `turn_id` stands for."""
    fields = {name: getattr(run, name) for name in _SAME}
    fields["route"] = {"mode": run.mode, "reason": run.reason, **run.route}
    fields["metadata"] = {
        **run.metadata,
        "sessionId": run.session_id,
        "exitCode": run.exit_code,
    }
    return RunReply(
        **fields,
        turn_id=turn_id,
        content=content,
        success=run.state is RunState.SUCCEEDED,
        status=run.state,
        background=background,
    )
