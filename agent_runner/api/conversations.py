"""Conversations: their turns and their event stream."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.api.bodies import (
    MOST,
    MalformedJsonError,
    boolean_parameter,
    integer_parameter,
    read_body,
)
from agent_runner.api.chat_bodies import ConversationBody, ForkBody, PatchConversationBody
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import CURSOR, DIALECT, FOLLOW, Endpoint, Query
from agent_runner.api.stream_schemas import StreamKind
from agent_runner.api.streams import conversation_stream, cursor
from agent_runner.errors import NotFoundError
from agent_runner.runs.conversation import new_conversation
from conversation_store.records import ConversationRecord, ConversationSummary, TurnRecord

_PAGE = 100
_PAGE_MAX = 1000
_LIMIT = Query(
    "limit", f"Page size, {_PAGE} by default.", limits={"minimum": 1, "maximum": _PAGE_MAX}
)
_AFTER_TURN = Query("after", "Turns with a seq above this.")


_BEFORE_TURN = Query("before", "The last turns with a seq below this.")
_LAST = Query("last", "So many of the newest turns.", limits={"minimum": 1, "maximum": _PAGE_MAX})
_ARCHIVED = Query("archived", "Only those that are archived, or are not.", "boolean")
_BEFORE = Query("before", "Conversations older than this id.", "string")


class ConversationListReply(Reply, frozen=True, kw_only=True):
    """`nextBefore` asks for the next, older page; null on the last."""

    conversations: list[ConversationSummary]
    next_before: str | None


class TurnListReply(Reply, frozen=True, kw_only=True):
    """A conversation and a page of its turns, in order.

    `nextAfter` asks for those behind, `nextBefore` for those before them; null where there are
    none.
    """

    conversation: ConversationRecord | None
    turns: list[TurnRecord]
    next_after: int | None
    next_before: int | None


class _Page(msgspec.Struct, frozen=True):
    """How many turns, and after or before which."""

    limit: int
    after: int
    before: int | None


def _page(request: Request) -> _Page:
    limit = integer_parameter(request, "limit", _PAGE, low=1, high=_PAGE_MAX)
    after = integer_parameter(request, "after", 0)
    asked = request.query_params
    before = integer_parameter(request, "before", MOST) if "before" in asked else None
    if "last" in asked:
        limit = integer_parameter(request, "last", _PAGE, low=1, high=_PAGE_MAX)
        before = MOST if before is None else before
    if before is not None and "after" in asked:
        raise MalformedJsonError("invalid_parameter", "after and before exclude each other")
    return _Page(limit, after, before)


async def _turn_page(request: Request, conversation: ConversationRecord) -> Response:
    page, store = _page(request), context(request).store.conversations
    conversation_id = conversation.conversation_id
    if page.before is not None:
        turns = await store.turns_before(conversation_id, before=page.before, limit=page.limit)
    else:
        turns = await store.turns(conversation_id, after=page.after, limit=page.limit)
    more = bool(turns) and turns[-1].seq < conversation.last_turn_seq
    earlier = bool(turns) and turns[0].seq > 1
    return json_reply(
        TurnListReply(
            conversation=conversation,
            turns=turns,
            next_after=turns[-1].seq if more else None,
            next_before=turns[0].seq if earlier else None,
        )
    )


async def agent_conversation(request: Request) -> Response:
    """The agent's open conversation with its turns; empty before the first prompt."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    conversation = await ctx.store.conversations.current(agent.agent_id)
    if conversation is None:
        _page(request)
        empty = TurnListReply(conversation=None, turns=[], next_after=None, next_before=None)
        return json_reply(empty)
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
    return await _summaries(request, agent.agent_id)


async def conversations(request: Request) -> Response:
    """The conversations of all agents, newest first."""
    return await _summaries(request, None)


async def _summaries(request: Request, agent_id: str | None) -> Response:
    limit = integer_parameter(request, "limit", _PAGE, low=1, high=_PAGE_MAX)
    found = await context(request).store.conversations.summaries(
        agent_id=agent_id,
        archived=boolean_parameter(request, "archived"),
        before=request.query_params.get("before"),
        limit=limit,
    )
    next_before = found[-1].conversation_id if len(found) == limit else None
    return json_reply(ConversationListReply(conversations=found, next_before=next_before))


async def create_conversation(request: Request) -> Response:
    """Open a conversation, beside others that may be open. Prompts name it by its id."""
    ctx = context(request)
    body = await read_body(request, ConversationBody)
    agent_id = request.path_params["agentId"]
    conversation = new_conversation(agent_id, title=body.title, metadata=body.metadata)
    await ctx.store.conversations.create(conversation)
    return json_reply(conversation, 201)


async def fork(request: Request) -> Response:
    """A new conversation that goes on from an answer of this one, where the CLI offers that."""
    body = await read_body(request, ForkBody)
    forked = await context(request).runs.fork(
        request.path_params["conversationId"], body.turn_id, body.title
    )
    return json_reply(forked, 201)


async def patch_conversation(request: Request) -> Response:
    """Change its title, its metadata, or whether it is archived."""
    ctx = context(request)
    body = await read_body(request, PatchConversationBody)
    async with ctx.changing:
        found = await ctx.store.conversations.get(request.path_params["conversationId"])
        given = body.model_fields_set
        changed = await ctx.store.conversations.change(
            found.conversation_id,
            title=body.title if "title" in given else found.title,
            archived=found.archived if body.archived is None else body.archived,
            metadata=found.metadata if body.metadata is None else body.metadata,
            now=wire.now(),
        )
    return json_reply(changed)


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
        parameters=(_AFTER_TURN, _BEFORE_TURN, _LAST, _LIMIT),
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
        parameters=(_BEFORE, _ARCHIVED, _LIMIT),
        problems=(400, 404),
    ),
    Endpoint(
        method="POST",
        path="/agents/{agentId}/conversations",
        handler=create_conversation,
        summary="Open a conversation",
        tag="conversations",
        body=ConversationBody,
        reply=ConversationRecord,
        status=201,
        problems=(404,),
    ),
    Endpoint(
        method="GET",
        path="/conversations",
        handler=conversations,
        summary="The conversations of all agents, newest first",
        tag="conversations",
        reply=ConversationListReply,
        parameters=(_BEFORE, _ARCHIVED, _LIMIT),
        problems=(400,),
    ),
    Endpoint(
        method="PATCH",
        path="/conversations/{conversationId}",
        handler=patch_conversation,
        summary="Change a conversation",
        tag="conversations",
        body=PatchConversationBody,
        reply=ConversationRecord,
        problems=(404,),
    ),
    Endpoint(
        method="GET",
        path="/conversations/{conversationId}",
        handler=get_conversation,
        summary="A conversation with its turns",
        tag="conversations",
        reply=TurnListReply,
        parameters=(_AFTER_TURN, _BEFORE_TURN, _LAST, _LIMIT),
        problems=(400, 404),
    ),
    Endpoint(
        method="POST",
        path="/conversations/{conversationId}/fork",
        handler=fork,
        summary="Go on from an answer in a new conversation",
        tag="conversations",
        body=ForkBody,
        reply=ConversationRecord,
        status=201,
        problems=(404, 409),
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
        parameters=(*CURSOR, FOLLOW, DIALECT),
        problems=(400, 404),
    ),
)
