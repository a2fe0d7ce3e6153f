"""Approvals: what runs wait for, and the decisions on it."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import (
    DecideBody,
    ExtendBody,
    MalformedJsonError,
    integer_parameter,
    read_body,
)
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import CURSOR, Endpoint, Query
from agent_runner.api.stream_schemas import StreamKind
from agent_runner.api.streams import cursor, log_stream
from agent_runner.approvals.decision import Decision
from conversation_store.records import ApprovalRecord
from conversation_store.states import ApprovalState

_PAGE = 50
_LONGEST_PAGE = 200


class ApprovalListReply(Reply, frozen=True, kw_only=True):
    """`pending` counts all that wait; `lastEventSeq` is where to listen from.

    `nextBefore` asks for the next, older page; absent on the last.
    """

    approvals: list[ApprovalRecord]
    pending: int
    last_event_seq: int
    next_before: str | UnsetType = UNSET


def _state(request: Request) -> ApprovalState | None:
    text = request.query_params.get("state")
    if text is None:
        return None
    if text not in set(ApprovalState):
        raise MalformedJsonError(
            "invalid_parameter", f"state={text[:40]!r} is none of {', '.join(ApprovalState)}"
        )
    return ApprovalState(text)


async def list_approvals(request: Request) -> Response:
    """A page of approvals, newest first, and how many wait for a decision."""
    approvals = context(request).store.approvals
    # Read first: whoever listens from this event on misses nothing that the page lacks.
    last = await approvals.last_event()
    limit = integer_parameter(request, "limit", _PAGE, low=1, high=_LONGEST_PAGE)
    page = await approvals.list(
        state=_state(request),
        agent_id=request.query_params.get("agentId"),
        run_id=request.query_params.get("runId"),
        before=request.query_params.get("before"),
        limit=limit,
    )
    return json_reply(
        ApprovalListReply(
            approvals=page,
            pending=await approvals.pending(),
            last_event_seq=last,
            next_before=page[-1].approval_id if len(page) == limit else UNSET,
        )
    )


async def get_approval(request: Request) -> Response:
    """One approval with all that it asks."""
    approvals = context(request).store.approvals
    return json_reply(await approvals.get(request.path_params["approvalId"]))


async def decide(request: Request) -> Response:
    """Decide once. The same decision again is answered alike; another one is refused."""
    body = await read_body(request, DecideBody)
    decision = Decision(
        by=body.by,
        via=body.via,
        approve=None if body.decision is None else body.decision == "approve",
        input_hash=body.input_hash,
        nonce=body.nonce,
        option_id=body.option_id,
        message=body.message,
        updated_input=body.updated_input,
        answers=body.answers,
        session=body.scope == "session",
        stop=body.stop,
    )
    approvals = context(request).approvals
    return json_reply(await approvals.decide(request.path_params["approvalId"], decision))


async def extend(request: Request) -> Response:
    """Give a pending approval more time."""
    body = await read_body(request, ExtendBody)
    approvals = context(request).approvals
    return json_reply(await approvals.extend(request.path_params["approvalId"], body.by_ms))


async def approval_events(request: Request) -> Response:
    """What happens to approvals from now on, or after a cursor."""
    ctx = context(request)
    last = await ctx.store.approvals.last_event()
    resumes = "after" in request.query_params or "last-event-id" in request.headers
    after = cursor(request, last) if resumes else last
    return log_stream(request, ctx.approvals.feed.subscribe(after))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/approvals",
        handler=list_approvals,
        summary="List approvals",
        tag="approvals",
        reply=ApprovalListReply,
        parameters=(
            Query("state", "In this state.", "string", limits={"enum": list(ApprovalState)}),
            Query("agentId", "Only this agent's.", kind="string"),
            Query("runId", "Only this run's.", kind="string"),
            Query("before", "Only those older than this approval.", kind="string"),
            Query("limit", f"{_PAGE} by default.", limits={"minimum": 1, "maximum": _LONGEST_PAGE}),
        ),
        problems=(400,),
    ),
    Endpoint(
        method="GET",
        path="/approvals/events",
        handler=approval_events,
        summary="Stream what happens to approvals",
        tag="approvals",
        stream=StreamKind.APPROVALS,
        parameters=CURSOR,
        problems=(400,),
    ),
    Endpoint(
        method="GET",
        path="/approvals/{approvalId}",
        handler=get_approval,
        summary="Get an approval",
        tag="approvals",
        reply=ApprovalRecord,
        problems=(404,),
    ),
    Endpoint(
        method="POST",
        path="/approvals/{approvalId}/decide",
        handler=decide,
        summary="Approve or reject",
        tag="approvals",
        body=DecideBody,
        reply=ApprovalRecord,
        problems=(403, 404, 409, 410, 422),
    ),
    Endpoint(
        method="POST",
        path="/approvals/{approvalId}/extend",
        handler=extend,
        summary="Give an approval more time",
        tag="approvals",
        body=ExtendBody,
        reply=ApprovalRecord,
        problems=(404, 410, 422),
    ),
)
