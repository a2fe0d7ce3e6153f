"""Store and forward: messages for agents that poll, and their replies."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import ReplyBody, SendBody, integer_parameter, read_body
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import IDEMPOTENCY_KEY, Endpoint, Query
from agent_runner.api.runs import idempotency_key
from agent_runner.tickets import TicketService, TicketState
from conversation_store.records import TicketRecord

_PAGE = 50
_LONGEST_PAGE = 200
_WAIT_MS = 30_000
_LONGEST_WAIT_MS = 600_000


class TicketReply(TicketRecord, frozen=True, kw_only=True):
    """A message for an agent that polls, the reply to it, and where it stands."""

    state: TicketState


class TicketListReply(Reply, frozen=True, kw_only=True):
    """`nextAfter` asks for the next, newer page; absent on the last."""

    tickets: list[TicketReply]
    next_after: str | UnsetType = UNSET


def _body(tickets: TicketService, ticket: TicketRecord) -> TicketReply:
    return TicketReply(**msgspec.structs.asdict(ticket), state=tickets.state_of(ticket))


async def send(request: Request) -> Response:
    """Keep a message for an agent that polls; it is on disk when this answers."""
    ctx = context(request)
    body = await read_body(request, SendBody)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    ticket = await ctx.tickets.send(
        agent.agent_id,
        body.content,
        body.metadata,
        sender=body.sender,
        expires_ms=body.expires_ms,
        key=idempotency_key(request),
    )
    return json_reply(_body(ctx.tickets, ticket), 202)


async def pending(request: Request) -> Response:
    """What waits for an agent's reply, oldest first; it stays there until the reply."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    limit = integer_parameter(request, "limit", _PAGE, low=1, high=_LONGEST_PAGE)
    page = await ctx.tickets.pending(
        agent.agent_id, after=request.query_params.get("after"), limit=limit
    )
    return json_reply(
        TicketListReply(
            tickets=[_body(ctx.tickets, ticket) for ticket in page],
            next_after=page[-1].ticket_id if len(page) == limit else UNSET,
        )
    )


async def reply(request: Request) -> Response:
    """Give the one reply to a ticket; the same reply again is answered alike."""
    body = await read_body(request, ReplyBody)
    tickets = context(request).tickets
    ticket = await tickets.reply(body.ticket_id, body.content, body.metadata, by=body.by)
    return json_reply(_body(tickets, ticket))


async def get_reply(request: Request) -> Response:
    """A ticket with its reply, if there is one."""
    ctx = context(request)
    ticket = await ctx.store.tickets.get(request.path_params["ticketId"])
    return json_reply(_body(ctx.tickets, ticket))


async def wait(request: Request) -> Response:
    """A ticket once it has its reply, or as it is when the time is over."""
    milliseconds = integer_parameter(request, "timeoutMs", _WAIT_MS, high=_LONGEST_WAIT_MS)
    tickets = context(request).tickets
    ticket = await tickets.wait(request.path_params["ticketId"], milliseconds / 1000)
    return json_reply(_body(tickets, ticket))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/agents/{agentId}/send",
        handler=send,
        summary="Keep a message for an agent that polls",
        tag="tickets",
        body=SendBody,
        reply=TicketReply,
        status=202,
        parameters=(IDEMPOTENCY_KEY,),
        problems=(404, 409, 422),
    ),
    Endpoint(
        method="GET",
        path="/agents/{agentId}/tickets/pending",
        handler=pending,
        summary="What waits for an agent's reply",
        tag="tickets",
        reply=TicketListReply,
        parameters=(
            Query("after", "Only those newer than this ticket.", kind="string"),
            Query("limit", f"{_PAGE} by default.", limits={"minimum": 1, "maximum": _LONGEST_PAGE}),
        ),
        problems=(400, 404),
    ),
    Endpoint(
        method="POST",
        path="/replies",
        handler=reply,
        summary="Reply to a ticket, once",
        tag="tickets",
        body=ReplyBody,
        reply=TicketReply,
        problems=(404, 409, 410, 422),
    ),
    Endpoint(
        method="GET",
        path="/replies/{ticketId}",
        handler=get_reply,
        summary="A ticket and its reply",
        tag="tickets",
        reply=TicketReply,
        problems=(404,),
    ),
    Endpoint(
        method="GET",
        path="/replies/{ticketId}/wait",
        handler=wait,
        summary="Wait for the reply to a ticket",
        tag="tickets",
        reply=TicketReply,
        parameters=(
            Query(
                "timeoutMs",
                f"{_WAIT_MS} by default. Then as it is.",
                limits={"maximum": _LONGEST_WAIT_MS},
            ),
        ),
        problems=(400, 404),
    ),
)
