"""A route, declared once: what Starlette serves and what /openapi.json says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import MOST, Body
from agent_runner.api.stream_schemas import StreamKind
from agent_runner.streams.registry import DIALECTS

Handler = Callable[[Request], Awaitable[Response]]


class Query(msgspec.Struct, frozen=True):
    """A query parameter or header. `limits` are further words of its JSON Schema."""

    name: str
    description: str
    kind: str = "integer"
    place: str = "query"
    limits: dict[str, Any] = {}
    required: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        bounds = {"minimum": 0, "maximum": MOST} if self.kind == "integer" else {}
        return {"type": self.kind, **bounds, **self.limits}


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. `reply` is None where the answer has no JSON body of ours.

    `stream` is what its event stream carries, if it has one. `media_types` are those in which a
    text answers besides. An `upload` takes any bytes as its body, and more than others.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    body: type[Body] | None = None
    upload: bool = False
    reply: type[msgspec.Struct] | None = None
    status: int = 200
    stream: StreamKind | None = None
    media_types: tuple[str, ...] = ()
    parameters: tuple[Query, ...] = ()
    problems: tuple[int, ...] = ()


IDEMPOTENCY_KEY = Query(
    "Idempotency-Key",
    "Makes the request safe to send again.",
    "string",
    "header",
    {"pattern": r"^[\x21-\x7e]{1,255}$"},
)
DIALECT = Query(
    "dialect",
    "The language of the stream.",
    "string",
    "query",
    {"enum": sorted(DIALECTS), "default": "native"},
)
CURSOR = (
    Query("after", "Go on after the event with this seq."),
    Query(
        "Last-Event-ID",
        "The same, as browsers send it; `after` wins.",
        "string",
        "header",
        {"pattern": "^[0-9]{0,19}$"},
    ),
)
FOLLOW = Query(
    "follow", "`false`: end after what is stored now.", "boolean", limits={"default": True}
)
