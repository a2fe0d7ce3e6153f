"""JSON Schemas of what streams carry: one for each event, one for each stream."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from agent_runner.api.schemas import as_sent
from agent_runner.events.base import AgentEvent
from agent_runner.events.registry import events_of

_TIME = {"type": "string", "format": "date-time"}
_SEQ = {"type": "integer", "minimum": 1}
_IDS = {
    "runId": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    "conversationId": {"type": "string"},
}
_EPHEMERAL = _IDS
_DURABLE = {"seq": _SEQ, **_IDS, "time": _TIME}
_LOGGED = {"seq": _SEQ, "time": _TIME}


class StreamKind(StrEnum):
    """What a stream carries; its value names the schema of one of its events."""

    CONVERSATION = "ConversationEvent"
    APPROVALS = "ApprovalLogEvent"
    FALLBACK = "FallbackLogEvent"
    PAGE = "PageEvent"


def stream_schemas(ref_template: str) -> dict[str, Any]:
    """The components of /openapi.json that describe streams, by name.

    An event's schema has its envelope in it, flat as it is on the wire.
    """
    conversation, fallback = events_of("conversation"), events_of("fallback")
    approvals = [cls for name, cls in conversation.items() if name.startswith("approval.")]
    _, components = msgspec.json.schema_components(
        [*conversation.values(), *fallback.values()], ref_template=ref_template
    )
    for schema in components.values():
        as_sent(schema)
    entries = {
        f"{cls.__name__}Entry": _with(_LOGGED, components[cls.__name__]) for cls in approvals
    }
    for cls in conversation.values():
        envelope = _EPHEMERAL if cls.ephemeral else _DURABLE
        components[cls.__name__] = _with(envelope, components[cls.__name__])
    for cls in fallback.values():
        components[cls.__name__] = _with(_LOGGED, components[cls.__name__])
    components |= entries
    for kind, names in (
        (StreamKind.CONVERSATION, _names(conversation.values())),
        (StreamKind.APPROVALS, entries),
        (StreamKind.FALLBACK, _names(fallback.values())),
    ):
        refs = {name: ref_template.format(name=name) for name in names}
        components[kind] = {
            "oneOf": [{"$ref": ref} for ref in refs.values()],
            "discriminator": {
                "propertyName": "type",
                "mapping": {_tag(components[name]): ref for name, ref in refs.items()},
            },
        }
    components[StreamKind.PAGE] = {
        "description": "An event of a conversation or of a log, as on its own stream, or one "
        "that no log keeps.",
        "type": "object",
        "properties": {"type": {"type": "string"}},
        "required": ["type"],
        "additionalProperties": True,
    }
    return components


def _names(classes: Iterable[type[AgentEvent]]) -> list[str]:
    return [cls.__name__ for cls in classes]


def _tag(schema: dict[str, Any]) -> str:
    (tag,) = schema["properties"]["type"]["enum"]
    return str(tag)


def _with(envelope: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return {
        **schema,
        "properties": envelope | schema["properties"],
        "required": list(dict.fromkeys([*envelope, *schema["required"]])),
    }
