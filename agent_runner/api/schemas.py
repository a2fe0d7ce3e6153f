"""JSON Schemas of what is sent, from the Structs that are encoded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args, get_type_hints, is_typeddict

import msgspec
from msgspec import UNSET


def schemas(replies: Iterable[type[msgspec.Struct]], ref_template: str) -> dict[str, Any]:
    """The JSON Schemas of answers and of what is in them, by name.

    A field is required if it is always encoded, whether or not it has a default.
    """
    known: dict[str, type[msgspec.Struct]] = {}
    for reply in replies:
        _reach(reply, known)
    _, components = msgspec.json.schema_components(known.values(), ref_template=ref_template)
    for name, kind in known.items():
        as_sent(components[name])
        if not kind.__struct_config__.omit_defaults:
            components[name]["required"] = [
                field.encode_name
                for field in msgspec.structs.fields(kind)
                if field.default is not UNSET
            ]
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


def as_sent(schema: Any) -> None:
    """Tell no defaults: they are for whoever writes. An object without properties may have any."""
    if isinstance(schema, list):
        for part in schema:
            as_sent(part)
    if not isinstance(schema, dict):
        return
    for name, part in schema.items():
        if name == "properties":
            for each in part.values():
                each.pop("default", None)
                as_sent(each)
        else:
            as_sent(part)
    if schema.get("type") == "object" and "properties" not in schema:
        schema.setdefault("additionalProperties", True)
