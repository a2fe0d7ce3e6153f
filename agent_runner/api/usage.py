"""What runs have used: tokens and money."""

from __future__ import annotations

from typing import Literal, get_args

from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import MalformedJsonError
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint, Query
from agent_runner.api.search import time_parameter
from conversation_store.records import UsageSum

By = Literal["agent", "conversation", "model", "day"]


class UsageReply(Reply, frozen=True, kw_only=True):
    """Sums by a key, and of all together.

    `runs` are all, `told` those whose CLI told of tokens, `priced` those of a price. A figure
    that no run told is null, which is not zero; prices are the CLIs' own, in US dollars.
    """

    by: By
    since: str | None
    sums: list[UsageSum]
    total: UsageSum


async def usage(request: Request) -> Response:
    """What the runs since a time have used; those in the background count too, each once."""
    ctx, asked = context(request), request.query_params
    by = _by(asked.get("by", "agent"))
    since = time_parameter(request, "since")
    sums = await ctx.store.runs.usage(by, since=since or "", agent_id=asked.get("agentId"))
    return json_reply(UsageReply(by=by, since=since, sums=sums, total=_total(sums)))


def _by(text: str) -> By:
    for by in get_args(By):
        if by == text:
            found: By = by
            return found
    raise MalformedJsonError(
        "invalid_parameter", f"by={text[:40]!r} is none of {', '.join(get_args(By))}"
    )


def _total(sums: list[UsageSum]) -> UsageSum:
    fields: dict[str, float | int | None] = {}
    for name in UsageSum.__struct_fields__[1:]:
        known = [value for one in sums if (value := getattr(one, name)) is not None]
        fields[name] = sum(known) if known else None
    counts = {name: fields[name] or 0 for name in ("runs", "told", "priced")}
    return UsageSum(key=None, **{**fields, **counts})  # type: ignore[arg-type]


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/usage",
        handler=usage,
        summary="Tokens and money, summed",
        tag="service",
        reply=UsageReply,
        parameters=(
            Query("by", "The key; agent by default.", "string", limits={"enum": [*get_args(By)]}),
            Query("since", "Runs from this time on.", "string", limits={"format": "date-time"}),
            Query("agentId", "Runs of this agent.", "string"),
        ),
        problems=(400,),
    ),
)
