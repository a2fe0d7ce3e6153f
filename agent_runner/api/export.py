"""A conversation as one file: Markdown for people, JSON for programs."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from agent_runner import quoting, wire
from agent_runner.api.bodies import MalformedJsonError
from agent_runner.api.context import Context, context
from agent_runner.api.routes import Endpoint, Query
from conversation_store.records import ConversationRecord, TurnRecord

_PAGE = 200
_MEDIA_TYPES = {"markdown": "text/markdown; charset=utf-8", "json": "application/json"}
_ENDINGS = {"markdown": "md", "json": "json"}
_SPEAKERS = {"user": "User", "assistant": "Agent", "system": "System"}


async def export(request: Request) -> Response:
    """The conversation with all its turns."""
    ctx = context(request)
    form = request.query_params.get("format", "markdown")
    if form not in _MEDIA_TYPES:
        raise MalformedJsonError(
            "invalid_parameter", f"format={form[:40]!r} is neither markdown nor json"
        )
    conversation = await ctx.store.conversations.get(request.path_params["conversationId"])
    write = _markdown if form == "markdown" else _json
    title = conversation.title or conversation.conversation_id
    name = quoting.path(f"{title}.{_ENDINGS[form]}").removeprefix("/")
    return StreamingResponse(
        write(ctx, conversation),
        media_type=_MEDIA_TYPES[form],
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _turns(ctx: Context, conversation: ConversationRecord) -> AsyncIterator[TurnRecord]:
    after = 0
    while turns := await ctx.store.conversations.turns(
        conversation.conversation_id, after=after, limit=_PAGE
    ):
        for turn in turns:
            yield turn
        after = turns[-1].seq


async def _markdown(ctx: Context, conversation: ConversationRecord) -> AsyncIterator[str]:
    yield f"# {_line(conversation.title or conversation.conversation_id)}\n\n"
    yield f"Agent {conversation.agent_id}, begun {conversation.created_at}\n"
    async for turn in _turns(ctx, conversation):
        yield f"\n## {_SPEAKERS.get(turn.role, turn.role)}, {turn.created_at}\n\n"
        for one in turn.attachments:
            yield f"- attached: {_line(one.name)} ({one.media_type}, {one.size} bytes)\n"
        yield f"{turn.content.rstrip()}\n"


async def _json(ctx: Context, conversation: ConversationRecord) -> AsyncIterator[bytes]:
    yield b'{"conversation":' + wire.encode(conversation) + b',"turns":['
    between = b""
    async for turn in _turns(ctx, conversation):
        yield between + wire.encode(turn)
        between = b","
    yield b"]}\n"


def _line(text: str) -> str:
    return " ".join(text.split())


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/conversations/{conversationId}/export",
        handler=export,
        summary="A conversation as a file",
        tag="conversations",
        media_types=("text/markdown", "application/json"),
        parameters=(
            Query(
                "format",
                "markdown by default.",
                "string",
                limits={"enum": sorted(_MEDIA_TYPES)},
            ),
        ),
        problems=(400, 404),
    ),
)
