"""Answers: the Struct that is encoded is the one that /openapi.json describes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args, get_type_hints, is_typeddict

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from agent_runner import wire


class Reply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of the answers that are no record of the store: camelCase, open to new fields.

    A field that is left out where there is nothing to say is UNSET by default.
    """


def json_reply(value: msgspec.Struct, status: int = 200) -> Response:
    """`value` as JSON."""
    return Response(wire.encode(value), status, media_type="application/json")


def schemas(replies: Iterable[type[msgspec.Struct]], ref_template: str) -> dict[str, Any]:
    """The JSON Schemas of answers and of what is in them, by name.

    A field is required if it is always encoded, whether or not it has a default. Where defaults
    are left out, they are told.
    """
    known: dict[str, type[msgspec.Struct]] = {}
    for reply in replies:
        _reach(reply, known)
    _, components = msgspec.json.schema_components(known.values(), ref_template=ref_template)
    for name, kind in known.items():
        if kind.__struct_config__.omit_defaults:
            continue
        components[name]["required"] = [
            field.encode_name
            for field in msgspec.structs.fields(kind)
            if field.default is not UNSET
        ]
        for schema in components[name]["properties"].values():
            schema.pop("default", None)
    return components


def _reach(kind: Any, known: dict[str, type[msgspec.Struct]]) -> None:
    """Add the Structs of which a value of `kind` is made."""
    is_struct = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    if is_struct and (other := known.setdefault(kind.__name__, kind)) is not kind:
        raise TypeError(f"two answers have the name of {other}")
    has_fields = is_struct or is_typeddict(kind)
    for hint in get_type_hints(kind).values() if has_fields else get_args(kind):
        if hint not in known.values():
            _reach(hint, known)
