"""Conversations: their turns and their event stream."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import integer_parameter
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import CURSOR, DIALECT, Endpoint, Query
from agent_runner.api.stream_schemas import StreamKind
from agent_runner.api.streams import conversation_stream, cursor
from agent_runner.errors import NotFoundError
from conversation_store.records import ConversationRecord, TurnRecord

_PAGE = 100
_PAGE_MAX = 1000
_LIMIT = Query(
    "limit", f"Page size, {_PAGE} by default.", limits={"minimum": 1, "maximum": _PAGE_MAX}
)
_AFTER_TURN = Query("after", "Turns with a seq above this.")


class ConversationListReply(Reply, frozen=True, kw_only=True):
    """`nextBefore` asks for the next, older page; null on the last."""

    conversations: list[ConversationRecord]
    next_before: str | None


class TurnListReply(Reply, frozen=True, kw_only=True):
    """A conversation and a page of its turns; `nextAfter` asks for the next page."""

    conversation: ConversationRecord | None
    turns: list[TurnRecord]
    next_after: int | None


def _page(request: Request) -> tuple[int, int]:
    """How many turns, and after which."""
    limit = integer_parameter(request, "limit", _PAGE, low=1, high=_PAGE_MAX)
    return limit, integer_parameter(request, "after", 0)


async def _turn_page(request: Request, conversation: ConversationRecord) -> Response:
    limit, after = _page(request)
    turns = await context(request).store.conversations.turns(
        conversation.conversation_id, after=after, limit=limit
    )
    more = bool(turns) and turns[-1].seq < conversation.last_turn_seq
    next_after = turns[-1].seq if more else None
    return json_reply(TurnListReply(conversation=conversation, turns=turns, next_after=next_after))


async def agent_conversation(request: Request) -> Response:
    """The agent's open conversation with its turns; empty before the first prompt."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    conversation = await ctx.store.conversations.current(agent.agent_id)
    if conversation is None:
        _page(request)
        return json_reply(TurnListReply(conversation=None, turns=[], next_after=None))
    return await _turn_page(request, conversation)


async def agent_turn(request: Request) -> Response:
    """One turn of the agent's."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    turn = await ctx.store.conversations.turn(request.path_params["turnId"])
    conversation = await ctx.store.conversations.get(turn.conversation_id)
    if conversation.agent_id != agent.agent_id:
        raise NotFoundError("turn_not_found", f"agent {agent.agent_id!r} has no such turn")
    return json_reply(turn)


async def agent_conversations(request: Request) -> Response:
    """The agent's conversations, newest first."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    limit = integer_parameter(request, "limit", _PAGE, low=1, high=_PAGE_MAX)
    found = await ctx.store.conversations.of_agent(
        agent.agent_id, before=request.query_params.get("before"), limit=limit
    )
    next_before = found[-1].conversation_id if len(found) == limit else None
    return json_reply(ConversationListReply(conversations=found, next_before=next_before))


async def get_conversation(request: Request) -> Response:
    """A conversation with its turns."""
    conversation_id = request.path_params["conversationId"]
    return await _turn_page(
        request, await context(request).store.conversations.get(conversation_id)
    )


async def delete_conversation(request: Request) -> Response:
    """Remove a conversation with its turns, runs, events and raw logs."""
    ctx = context(request)
    conversation_id = request.path_params["conversationId"]
    await ctx.runs.delete_conversation(conversation_id)
    await ctx.mirrors.gone(conversation_id)
    ctx.bus.end(conversation_id)
    return Response(status_code=204)


async def conversation_events(request: Request) -> Response:
    """Everything that happened and happens in a conversation; never ends by itself."""
    ctx = context(request)
    channel = await ctx.bus.channel(request.path_params["conversationId"])
    after = cursor(request, channel.last_seq)
    return conversation_stream(request, channel, after=after)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/agents/{agentId}/conversation",
        handler=agent_conversation,
        summary="The agent's open conversation",
        tag="conversations",
        reply=TurnListReply,
        parameters=(_AFTER_TURN, _LIMIT),
        problems=(400, 404),
    ),
    Endpoint(
        method="GET",
        path="/agents/{agentId}/conversation/turns/{turnId}",
        handler=agent_turn,
        summary="One turn",
        tag="conversations",
        reply=TurnRecord,
        problems=(404,),
    ),
    Endpoint(
        method="GET",
        path="/agents/{agentId}/conversations",
        handler=agent_conversations,
        summary="The agent's conversations, newest first",
        tag="conversations",
        reply=ConversationListReply,
        parameters=(Query("before", "Conversations older than this id.", "string"), _LIMIT),
        problems=(400, 404),
    ),
    Endpoint(
        method="GET",
        path="/conversations/{conversationId}",
        handler=get_conversation,
        summary="A conversation with its turns",
        tag="conversations",
        reply=TurnListReply,
        parameters=(_AFTER_TURN, _LIMIT),
        problems=(400, 404),
    ),
    Endpoint(
        method="DELETE",
        path="/conversations/{conversationId}",
        handler=delete_conversation,
        summary="Delete a conversation",
        tag="conversations",
        status=204,
        problems=(404, 409),
    ),
    Endpoint(
        method="GET",
        path="/conversations/{conversationId}/events",
        handler=conversation_events,
        summary="Stream a conversation's events",
        tag="conversations",
        stream=StreamKind.CONVERSATION,
        parameters=(*CURSOR, DIALECT),
        problems=(400, 404),
    ),
)
