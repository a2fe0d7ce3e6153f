"""Every event by its name on the wire, found in the modules of this package."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import reduce
from importlib import import_module
from operator import or_
from types import MappingProxyType
from typing import Any

import msgspec

from agent_runner import events
from agent_runner.events.base import AgentEvent, tag_of


def _classes(base: type[AgentEvent]) -> Iterator[type[AgentEvent]]:
    for cls in base.__subclasses__():
        if cls.__module__.startswith(f"{events.__name__}.") and tag_of(cls) is not None:
            yield cls
        yield from _classes(cls)


def _found() -> Mapping[str, type[AgentEvent]]:
    for module in pkgutil.iter_modules(events.__path__, f"{events.__name__}."):
        if module.name != __name__:
            import_module(module.name)
    by_name = {str(tag_of(cls)): cls for cls in _classes(AgentEvent)}
    return MappingProxyType(dict(sorted(by_name.items())))


EVENTS: Mapping[str, type[AgentEvent]] = _found()
"""The classes of all events."""

STREAMED: Mapping[str, type[AgentEvent]] = MappingProxyType(
    {name: cls for name, cls in EVENTS.items() if not cls.internal}
)
"""The classes of the events that streams carry."""

_union: Any = reduce(or_, EVENTS.values())
_decoder = msgspec.json.Decoder(_union)


def event_of(payload: bytes) -> AgentEvent:
    """The event whose JSON object is `payload`; msgspec.ValidationError if it is none."""
    event = _decoder.decode(payload)
    assert isinstance(event, AgentEvent)
    return event
