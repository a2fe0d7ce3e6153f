"""A route, declared once: what Starlette serves and what /openapi.json says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import Body
from agent_runner.api.replies import Reply

Handler = Callable[[Request], Awaitable[Response]]


class Query(msgspec.Struct, frozen=True):
    """A query parameter or header."""

    name: str
    description: str
    kind: str = "integer"
    place: str = "query"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. `reply` is None where the answer has no JSON body of ours."""

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    body: type[Body] | None = None
    reply: type[Reply] | None = None
    status: int = 200
    streams: bool = False
    parameters: tuple[Query, ...] = ()
    problems: tuple[int, ...] = ()


CURSOR = (
    Query("after", "Go on after the event with this seq."),
    Query("Last-Event-ID", "The same, as browsers send it; `after` wins.", place="header"),
)
