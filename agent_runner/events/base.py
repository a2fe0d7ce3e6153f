"""The base of every event."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

Stream = Literal["conversation", "fallback"]
"""Which stream carries an event."""


class AgentEvent(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    rename="camel",
    omit_defaults=True,
    gc=False,
):
    """Base of every event; a class says what its events mean for the run.

    An `ephemeral` event is streamed and never stored. A `deed` shows an act of the agent, or may
    hide one: nothing is run again after it. After a run with a `fruit` nobody blames its session.
    A turn with `work` has done something, also if it ends without a word.
    A `recovered` event is read again from the raw log of a run that was interrupted.
    """

    ephemeral: ClassVar[bool] = False
    deed: ClassVar[bool] = False
    fruit: ClassVar[bool] = False
    work: ClassVar[bool] = False
    recovered: ClassVar[bool] = False
    stream: ClassVar[Stream] = "conversation"


def tag_of(event: AgentEvent | type[AgentEvent]) -> str:
    """The name on the wire of an event or its class: `message.completed`."""
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag
