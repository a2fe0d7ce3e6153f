"""Prompts that wait for their agent: list, edit, reorder, drop."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import read_body
from agent_runner.api.chat_bodies import PatchRunBody, QueueBody
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint
from agent_runner.runs.active import ActiveRun
from conversation_store.records import TurnAttachment


class QueuedReply(Reply, frozen=True, kw_only=True):
    """A run that waits. Its prompt may be on its way into the turn of the run `steeringInto`."""

    run_id: str
    turn_id: str
    conversation_id: str
    prompt: str
    attachments: list[TurnAttachment]
    queued_at: str
    steering_into: str | None


class QueueReply(Reply, frozen=True, kw_only=True):
    """The runs that wait, the next one first."""

    queue: list[QueuedReply]


def _reply(active: ActiveRun) -> QueuedReply:
    run = active.run
    return QueuedReply(
        run_id=run.run_id,
        turn_id=run.turn_id,
        conversation_id=run.conversation_id,
        prompt=run.prompt,
        attachments=run.attachments,
        queued_at=run.queued_at,
        steering_into=active.steered_into,
    )


async def queue(request: Request) -> Response:
    """The runs that wait for the agent, the next one first."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    waiting = ctx.runs.queue_of(agent.agent_id)
    return json_reply(QueueReply(queue=[_reply(active) for active in waiting]))


async def reorder(request: Request) -> Response:
    """Let the runs that wait go in another order."""
    body = await read_body(request, QueueBody)
    waiting = await context(request).runs.reorder(request.path_params["agentId"], body.run_ids)
    return json_reply(QueueReply(queue=[_reply(active) for active in waiting]))


async def edit(request: Request) -> Response:
    """Give a run that waits another prompt."""
    body = await read_body(request, PatchRunBody)
    return json_reply(
        _reply(await context(request).runs.edit(request.path_params["runId"], body.prompt))
    )


async def drop(request: Request) -> Response:
    """Take a run out of the queue; it ends `cancelled`."""
    await context(request).runs.drop_queued(request.path_params["runId"])
    return Response(status_code=204)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/agents/{agentId}/queue",
        handler=queue,
        summary="The prompts that wait for an agent",
        tag="runs",
        reply=QueueReply,
        problems=(404,),
    ),
    Endpoint(
        method="PUT",
        path="/agents/{agentId}/queue",
        handler=reorder,
        summary="Reorder the prompts that wait for an agent",
        tag="runs",
        body=QueueBody,
        reply=QueueReply,
        problems=(404, 409),
    ),
    Endpoint(
        method="PATCH",
        path="/runs/{runId}",
        handler=edit,
        summary="Edit a prompt that waits",
        tag="runs",
        body=PatchRunBody,
        reply=QueuedReply,
        problems=(404, 409),
    ),
    Endpoint(
        method="DELETE",
        path="/runs/{runId}",
        handler=drop,
        summary="Drop a prompt that waits",
        tag="runs",
        status=204,
        problems=(404, 409),
    ),
)
