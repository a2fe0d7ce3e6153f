"""An agent as it is answered: what it is, and what it does now."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from agent_runner.agents.secrets import masked
from agent_runner.api.context import Context
from agent_runner.api.replies import Reply
from conversation_store.records import AgentActivity, AgentRecord

AgentState = Literal["idle", "running", "waiting", "queued", "background"]


class WarmProcessReply(Reply, frozen=True, kw_only=True):
    """A process that is ready for the next prompt of a conversation."""

    conversation_id: str
    pid: int
    form: str


class AgentReply(AgentRecord, frozen=True, kw_only=True):
    """An agent. Of its options the names of secrets are told, and no values.

    `state`: `running` a prompt, `waiting` for a person's answer, `queued` (nothing runs yet),
    `background` (its CLI works by itself), or `idle`. `queued` counts the prompts that wait;
    `activeConversationId` is the conversation of the run that holds the agent.
    """

    state: AgentState
    queued: int
    pending_approvals: int
    last_activity_at: str | None
    active_conversation_id: str | None
    warm: list[WarmProcessReply]
    heartbeat_interval_ms: int | UnsetType = UNSET


def agent_reply(
    ctx: Context, agent: AgentRecord, activity: AgentActivity | None = None
) -> AgentReply:
    """The answer about `agent`, whose `activity` the store has told."""
    options = masked(agent.options)
    timeouts = options.get("timeouts")
    interval = timeouts.get("heartbeatIntervalMs") if isinstance(timeouts, dict) else None
    return AgentReply(
        **{**msgspec.structs.asdict(agent), "options": options},
        state=state_of(ctx, agent.agent_id),
        queued=len(ctx.runs.queue_of(agent.agent_id)),
        pending_approvals=activity.pending_approvals if activity is not None else 0,
        last_activity_at=activity.last_activity_at if activity is not None else None,
        active_conversation_id=_active_conversation(ctx, agent.agent_id),
        warm=[
            WarmProcessReply(
                conversation_id=conversation_id, pid=warm.process.pid, form=warm.process.form.value
            )
            for conversation_id, warm in ctx.runner.pool.processes.items()
            if warm.agent_id == agent.agent_id
        ],
        heartbeat_interval_ms=interval if isinstance(interval, int) else UNSET,
    )


def _active_conversation(ctx: Context, agent_id: str) -> str | None:
    runs = [*ctx.runs.active.of_agent(agent_id), *ctx.runs.active.background_of_agent(agent_id)]
    begun = (run.run.conversation_id for run in runs if not run.queued)
    return next(begun, None)


def state_of(ctx: Context, agent_id: str) -> AgentState:
    """What the agent does now."""
    runs = ctx.runs.active.of_agent(agent_id)
    background = ctx.runs.active.background_of_agent(agent_id)
    if any(run.waiting for run in (*runs, *background)):
        return "waiting"
    if any(not run.queued for run in runs):
        return "running"
    if runs:
        return "queued"
    return "background" if background else "idle"
