"""Every event by its name on the wire, found in the modules of this package."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache, reduce
from importlib import import_module
from operator import or_
from types import MappingProxyType
from typing import Any

import msgspec

from agent_runner import events
from agent_runner.events.base import AgentEvent, Stream, tag_of


def _classes(base: type[AgentEvent]) -> Iterator[type[AgentEvent]]:
    """Those that have no classes of their own below them."""
    for cls in base.__subclasses__():
        below = list(_classes(cls))
        if not below and cls.__module__.startswith(f"{events.__name__}."):
            yield cls
        yield from below


@cache
def all_events() -> Mapping[str, type[AgentEvent]]:
    """The classes of all events, by name."""
    for module in pkgutil.iter_modules(events.__path__, f"{events.__name__}."):
        import_module(module.name)
    by_name = {tag_of(cls): cls for cls in _classes(AgentEvent)}
    return MappingProxyType(dict(sorted(by_name.items())))


def events_of(stream: Stream) -> dict[str, type[AgentEvent]]:
    """The classes of the events that a stream carries, by name."""
    return {name: cls for name, cls in all_events().items() if cls.stream == stream}


def event_of(payload: bytes) -> AgentEvent:
    """The event whose JSON object is `payload`; msgspec.ValidationError if it is none."""
    event = _decoder().decode(payload)
    assert isinstance(event, AgentEvent)
    return event


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    union: Any = reduce(or_, all_events().values())
    return msgspec.json.Decoder(union)
