"""JSON Schemas of what streams carry: one for each event, one for each stream."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from agent_runner.events.base import AgentEvent
from agent_runner.events.registry import events_of

_TIME = {"type": "string", "format": "date-time"}
_SEQ = {"type": "integer", "minimum": 1}


class StreamKind(StrEnum):
    """What a stream carries; its value names the schema of one of its events."""

    CONVERSATION = "ConversationEvent"
    APPROVALS = "ApprovalLogEvent"
    FALLBACK = "FallbackLogEvent"


def stream_schemas(ref_template: str) -> dict[str, Any]:
    """The components of /openapi.json that describe streams, by name."""
    conversation, fallback = events_of("conversation"), events_of("fallback")
    approvals = {name: cls for name, cls in conversation.items() if name.startswith("approval.")}
    _, components = msgspec.json.schema_components(
        [*conversation.values(), *fallback.values()], ref_template=ref_template
    )
    durable = {name: cls for name, cls in conversation.items() if not cls.ephemeral}
    ephemeral = {name: cls for name, cls in conversation.items() if cls.ephemeral}
    ids = {
        "runId": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "conversationId": {"type": "string"},
    }
    components |= {
        "DurableEnvelope": _object({"seq": _SEQ, **ids, "time": _TIME}),
        "EphemeralEnvelope": _object(ids),
        "LogEnvelope": _object({"seq": _SEQ, "time": _TIME}),
        "DurableEvent": _one_of(durable, ref_template),
        "EphemeralEvent": _one_of(ephemeral, ref_template),
    }

    def with_envelope(envelope: str, events: str | dict[str, Any]) -> dict[str, Any]:
        event = _ref(events, ref_template) if isinstance(events, str) else events
        return {"allOf": [_ref(envelope, ref_template), event]}

    components[StreamKind.CONVERSATION] = {
        "oneOf": [
            with_envelope("DurableEnvelope", "DurableEvent"),
            with_envelope("EphemeralEnvelope", "EphemeralEvent"),
        ]
    }
    for kind, events in ((StreamKind.APPROVALS, approvals), (StreamKind.FALLBACK, fallback)):
        components[kind] = with_envelope("LogEnvelope", _one_of(events, ref_template))
    return components


def _one_of(events: dict[str, type[AgentEvent]], ref_template: str) -> dict[str, Any]:
    """Any of these events, told apart by `type`."""
    refs = {name: _ref(cls.__name__, ref_template) for name, cls in events.items()}
    mapping = {name: ref["$ref"] for name, ref in refs.items()}
    return {
        "oneOf": list(refs.values()),
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _ref(name: str, ref_template: str) -> dict[str, str]:
    return {"$ref": ref_template.format(name=name)}
