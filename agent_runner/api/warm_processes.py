"""An agent's warm process: have it ready, end it, have another one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import read_body
from agent_runner.api.chat_bodies import StartBody, StopBody
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint


class StartReply(Reply, frozen=True, kw_only=True):
    """The process that waits for a prompt of the conversation; `reused` if it did so before."""

    conversation_id: str
    pid: int
    form: str
    session_id: str | None
    reused: bool


class StopReply(Reply, frozen=True, kw_only=True):
    """The conversations whose processes were ended."""

    conversation_ids: list[str]


async def start(request: Request) -> Response:
    """Have the process of a conversation ready before its next prompt comes.

    It is answered when the process would begin a prompt at once.
    """
    body = await read_body(request, StartBody)
    return await _start(request, body.conversation_id)


async def _start(request: Request, conversation_id: str | None) -> Response:
    ctx, agent_id = context(request), request.path_params["agentId"]
    started = await ctx.runs.start(agent_id, conversation_id)
    ctx.changes.agent(agent_id)
    process = started.process
    return json_reply(
        StartReply(
            conversation_id=started.conversation_id,
            pid=process.pid,
            form=process.form.value,
            session_id=process.session_id,
            reused=started.reused,
        )
    )


async def stop(request: Request) -> Response:
    """End the agent's processes. A later prompt goes on in the same session, in a new one."""
    ctx, agent_id = context(request), request.path_params["agentId"]
    body = await read_body(request, StopBody)
    stopped = await ctx.runs.stop(agent_id, body.conversation_id)
    ctx.changes.agent(agent_id)
    return json_reply(StopReply(conversation_ids=stopped))


async def restart(request: Request) -> Response:
    """End the agent's processes, and have a new one ready."""
    ctx, agent_id = context(request), request.path_params["agentId"]
    body = await read_body(request, StartBody)
    await ctx.runs.stop(agent_id, body.conversation_id)
    return await _start(request, body.conversation_id)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/agents/{agentId}/start",
        handler=start,
        summary="Have an agent's process ready",
        tag="agents",
        body=StartBody,
        reply=StartReply,
        problems=(404, 409, 503),
    ),
    Endpoint(
        method="POST",
        path="/agents/{agentId}/stop",
        handler=stop,
        summary="End an agent's processes",
        tag="agents",
        body=StopBody,
        reply=StopReply,
        problems=(404, 409),
    ),
    Endpoint(
        method="POST",
        path="/agents/{agentId}/restart",
        handler=restart,
        summary="End an agent's processes, and have a new one ready",
        tag="agents",
        body=StartBody,
        reply=StartReply,
        problems=(404, 409, 503),
    ),
)
