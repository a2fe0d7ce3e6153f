"""The base of every event."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class AgentEvent(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    rename="camel",
    omit_defaults=True,
    gc=False,
):
    """Base of every event.

    An `ephemeral` event is streamed and never stored; an `internal` one is given to observers and
    is on no stream.
    """

    ephemeral: ClassVar[bool] = False
    internal: ClassVar[bool] = False


def tag_of(event: AgentEvent | type[AgentEvent]) -> str | None:
    """The name on the wire of an event or its class; None for a class that is only a base."""
    tag = event.__struct_config__.tag
    return tag if isinstance(tag, str) else None


def event_type(event: AgentEvent) -> str:
    """The event's name on the wire: `message.completed`."""
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag
