"""Search over all that was said."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.api.bodies import MalformedJsonError, integer_parameter
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint, Query
from agent_runner.api.search_query import LONGEST, parse
from conversation_store.records import SearchHit, SearchQuery

_PAGE = 20
_PAGE_MAX = 100
_TIME = {"format": "date-time"}
_PAGE_SIZE = {"minimum": 1, "maximum": _PAGE_MAX}


class SearchReply(Reply, frozen=True, kw_only=True):
    """Turns, newest first; `nextBefore` asks for the next, older page; null on the last."""

    hits: list[SearchHit]
    next_before: int | None


def time_parameter(request: Request, name: str) -> str | None:
    """A time of the query as the store has them; BadRequestError `invalid_parameter`."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return wire.utc_text(utc)
    except (ValueError, OverflowError):
        raise MalformedJsonError(
            "invalid_parameter", f"{name}={text[:40]!r} is no time such as 2026-01-31T12:00:00Z"
        ) from None


async def search(request: Request) -> Response:
    """Turns that hold all of the words, newest first."""
    ctx, asked = context(request), request.query_params
    wanted = parse(asked.get("q", ""))
    limit = integer_parameter(request, "limit", _PAGE, low=1, high=_PAGE_MAX)
    query = SearchQuery(
        phrases=wanted.phrases,
        without=wanted.without,
        open_end=wanted.open_end,
        agent_id=asked.get("agentId"),
        conversation_id=asked.get("conversationId"),
        since=time_parameter(request, "since"),
        until=time_parameter(request, "until"),
        before=integer_parameter(request, "before", 0) if "before" in asked else None,
        limit=limit,
    )
    hits = await ctx.store.conversations.search(query)
    next_before = hits[-1].position if len(hits) == limit else None
    return json_reply(SearchReply(hits=hits, next_before=next_before))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/search",
        handler=search,
        summary="Search all turns",
        tag="conversations",
        reply=SearchReply,
        parameters=(
            Query(
                "q",
                'Words, "a phrase", -word.',
                "string",
                limits={"maxLength": LONGEST},
                required=True,
            ),
            Query("agentId", "Turns of this agent.", "string"),
            Query("conversationId", "Turns of this conversation.", "string"),
            Query("since", "Turns from this time on.", "string", limits=_TIME),
            Query("until", "Turns before this time.", "string", limits=_TIME),
            Query("before", "Hits behind this position."),
            Query(
                "limit",
                f"Page size, {_PAGE} by default.",
                limits=_PAGE_SIZE,
            ),
        ),
        problems=(400, 422),
    ),
)
