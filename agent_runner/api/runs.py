"""Runs: execute, attach, cancel, get, and their events."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.accept import named
from agent_runner.api.bodies import CancelBody, EmptyBody, ExecuteBody, read_body
from agent_runner.api.context import Context, context
from agent_runner.api.problems import RUN_PROBLEMS, problem
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import CURSOR, DIALECT, FOLLOW, IDEMPOTENCY_KEY, Endpoint
from agent_runner.api.run_reply import RunReply, run_reply
from agent_runner.api.stream_schemas import StreamKind
from agent_runner.api.streams import (
    conversation_stream,
    cursor,
    event_stream,
    framed,
    wanted_dialect,
)
from agent_runner.errors import BadRequestError, ConflictError, UnavailableError
from agent_runner.runs.active import ActiveRun
from agent_runner.runs.request import ExecuteRequest
from agent_runner.runs.service import Accepted
from agent_runner.streams.base import Dialect
from conversation_store.records import RunRecord, TurnAttachment


class CancelReply(Reply, frozen=True, kw_only=True):
    """The run that is being ended."""

    run_id: str
    conversation_id: str


class HeartbeatReply(Reply, frozen=True, kw_only=True):
    """The run that the sign of life was noted for."""

    run_id: str


Background = list[RunReply] | UnsetType
"""The runs of what a CLI did by itself after a run; UNSET unless they were asked for."""

_KEY = re.compile(r"[!-~]{1,255}")


def _answer(active: ActiveRun, background: Background = UNSET) -> Response:
    """The end of a run that this request has waited for."""
    if active.outcome is None:
        raise UnavailableError(
            "shutting_down",
            f"the service is shutting down; run {active.run_id} is kept, and goes on with it again",
            hint=f"GET /runs/{active.run_id} when the service is up",
        )
    run = active.record()
    turn_id = active.outcome.turn_id or active.run.turn_id
    return _reply(run, turn_id, active.outcome.answer, background)


def _reply(
    run: RunRecord, turn_id: str | None, content: str | None, background: Background = UNSET
) -> Response:
    body = run_reply(run, turn_id, content, background)
    if run.code is None or (status := RUN_PROBLEMS.get(run.code)) is None:
        return json_reply(body)
    return problem(status, run.code, run.error or "", hint=run.hint, run=body)


async def _stored(ctx: Context, run_id: str) -> tuple[RunRecord, str | None, str | None]:
    """A run, the turn that stands for it, and its answer."""
    run = await ctx.store.runs.get(run_id)
    turns = await ctx.store.conversations.turns_of_run(run_id)
    answers = [turn for turn in turns if turn.direction == "outbound"]
    turn = (answers or turns)[0] if turns else None
    return run, turn.turn_id if turn else None, answers[0].content if answers else None


def _wants_stream(request: Request) -> bool:
    spoken = ("text/event-stream", wanted_dialect(request).media_type)
    return named(request, *spoken, "application/json") in spoken


def _run_stream(request: Request, active: ActiveRun, after: int) -> Response:
    return conversation_stream(request, active.channel, after=after, run_id=active.run_id)


async def _frames_until_settled(
    ctx: Context, run_id: str, language: type[Dialect]
) -> AsyncGenerator[bytes, None]:
    """The run's stream, then those of the runs that it has led to, one after the other."""
    channel = await ctx.bus.channel((await ctx.store.runs.get(run_id)).conversation_id)
    following: str | None = run_id
    seen = 0
    while following is not None:
        envelopes = channel.subscribe(after=0, run_id=following)
        async with aclosing(framed(channel, envelopes, language(following))) as frames:
            async for piece in frames:
                yield piece
        following = await ctx.runs.background.next(run_id, seen)
        seen += 1


async def _background(ctx: Context, following: list[str]) -> Background:
    return [run_reply(*await _stored(ctx, run_id)) for run_id in following]


async def execute(request: Request) -> Response:
    """Run a prompt. The run goes on if the caller leaves.

    With an Idempotency-Key the same request may be sent again: it is answered with, or
    attaches to, the run that the first one made.
    """
    ctx = context(request)
    body = await read_body(request, ExecuteBody)
    wanted_dialect(request)  # refused before anything is run
    timeouts = body.timeouts.given() if body.timeouts is not None else {}
    if body.timeout_ms is not None:
        timeouts["commandMs"] = body.timeout_ms
    accepted = await ctx.runs.execute(
        request.path_params["agentId"],
        ExecuteRequest(
            prompt=body.prompt,
            conversation_id=body.conversation_id,
            new_conversation=body.new_conversation,
            timeouts=timeouts,
            metadata=body.metadata,
            busy=body.busy,
            mode=body.mode,
            model=body.model,
            permission_mode=body.permission_mode,
            attachments=await _attachments(ctx, body),
            idempotency_key=idempotency_key(request),
        ),
        awaited=not _wants_stream(request),
    )
    answer = await _outcome(request, accepted, settled=body.until == "settled")
    if accepted.reattached:
        answer.headers["Idempotent-Replayed"] = "true"
    return answer


async def _attachments(ctx: Context, body: ExecuteBody) -> list[TurnAttachment]:
    """The files of a prompt, of which those that came with it are kept first."""
    most = ctx.settings.attachments.in_prompt
    if len(body.attachments) > most:
        raise BadRequestError("too_many_attachments", f"a prompt has at most {most} attachments")
    found = []
    for given in body.attachments:
        attachment_id = given.attachment_id
        if attachment_id is None:
            assert given.data is not None
            kept = await ctx.attachments.take_inline(given.data, given.media_type or "")
            attachment_id = kept.attachment_id
        found.append(await ctx.attachments.named(attachment_id, given.name))
    return found


async def _outcome(request: Request, accepted: Accepted, *, settled: bool) -> Response:
    """The run's stream from its start, or its end when that has come."""
    active, ctx = accepted.active, context(request)
    run_id = accepted.run_id
    if _wants_stream(request):
        if settled:
            language = wanted_dialect(request)
            frames = _frames_until_settled(ctx, run_id, language)
            return event_stream(request, frames, language)
        if active is not None:
            return _run_stream(request, active, 0)
        run = await ctx.store.runs.get(run_id)
        channel = await ctx.bus.channel(run.conversation_id)
        return conversation_stream(request, channel, after=0, run_id=run_id, live=False)
    if active is not None:
        await active.done.wait()
    over = active is None or active.outcome is not None
    background = (
        await _background(ctx, await ctx.runs.background.settled(run_id))
        if settled and over
        else UNSET
    )
    if active is not None:
        return _answer(active, background)
    return _reply(*await _stored(ctx, run_id), background)


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key header; BadRequestError `invalid_idempotency_key`."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise BadRequestError(
            "invalid_idempotency_key", "an Idempotency-Key has 1 to 255 visible ASCII characters"
        )
    return key


async def attach(request: Request) -> Response:
    """The stream of the agent's present run, from its start."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    runs = ctx.runs.active.of_agent(agent.agent_id) or ctx.runs.active.background_of_agent(
        agent.agent_id
    )
    if not runs:
        raise ConflictError(
            "nothing_running",
            "this agent runs nothing",
            hint="GET /conversations/{id}/events replays what was said",
        )
    after = cursor(request, runs[0].channel.last_seq)
    return _run_stream(request, runs[0], after)


async def cancel(request: Request) -> Response:
    """Ask the agent's present run, or the given one, to end; it ends `cancelled`."""
    ctx = context(request)
    body = await read_body(request, CancelBody)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    active = await ctx.runs.cancel(agent.agent_id, body.run_id)
    reply = CancelReply(run_id=active.run_id, conversation_id=active.run.conversation_id)
    return json_reply(reply, 202)


async def get_run(request: Request) -> Response:
    """One run, over or not."""
    return json_reply(run_reply(*await _stored(context(request), request.path_params["runId"])))


async def heartbeat(request: Request) -> Response:
    """Note a sign of life for the agent's present run."""
    ctx = context(request)
    await read_body(request, EmptyBody)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    return json_reply(HeartbeatReply(run_id=ctx.runs.heartbeat(agent.agent_id).run_id))


async def run_events(request: Request) -> Response:
    """A run's events from the start or a cursor; ends with `run.finished`."""
    ctx = context(request)
    run = await ctx.store.runs.get(request.path_params["runId"])
    channel = await ctx.bus.channel(run.conversation_id)
    after = cursor(request, channel.last_seq)
    live = ctx.runs.active.get(run.run_id) is not None
    return conversation_stream(request, channel, after=after, run_id=run.run_id, live=live)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/agents/{agentId}/execute",
        handler=execute,
        summary="Run a prompt: JSON when it is over, or a stream with Accept: text/event-stream",
        tag="runs",
        body=ExecuteBody,
        reply=RunReply,
        stream=StreamKind.CONVERSATION,
        parameters=(IDEMPOTENCY_KEY, DIALECT),
        problems=(404, 409, 410, 413, 422, 429, 503),
    ),
    Endpoint(
        method="GET",
        path="/agents/{agentId}/execute/stream",
        handler=attach,
        summary="Attach to the agent's present run",
        tag="runs",
        stream=StreamKind.CONVERSATION,
        parameters=(*CURSOR, DIALECT),
        problems=(400, 404, 409),
    ),
    Endpoint(
        method="POST",
        path="/agents/{agentId}/execute/cancel",
        handler=cancel,
        summary="Cancel a run",
        tag="runs",
        body=CancelBody,
        reply=CancelReply,
        status=202,
        problems=(404, 409),
    ),
    Endpoint(
        method="POST",
        path="/agents/{agentId}/heartbeat",
        handler=heartbeat,
        summary="Note a sign of life of the agent's present run",
        tag="runs",
        body=EmptyBody,
        reply=HeartbeatReply,
        problems=(404, 409),
    ),
    Endpoint(
        method="GET",
        path="/runs/{runId}",
        handler=get_run,
        summary="Get a run",
        tag="runs",
        reply=RunReply,
        problems=(404,),
    ),
    Endpoint(
        method="GET",
        path="/runs/{runId}/events",
        handler=run_events,
        summary="Stream a run's events",
        tag="runs",
        stream=StreamKind.CONVERSATION,
        parameters=(*CURSOR, FOLLOW, DIALECT),
        problems=(400, 404),
    ),
)
