"""Answers: the Struct that is encoded is the one that /openapi.json describes."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from agent_runner import wire


class Reply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of the answers that are no record of the store: camelCase, open to new fields.

    A field that is left out where there is nothing to say is UNSET by default.
    """


def json_reply(value: msgspec.Struct, status: int = 200) -> Response:
    """`value` as JSON."""
    return Response(wire.encode(value), status, media_type="application/json")
