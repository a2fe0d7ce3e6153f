"""Every event is registered by being a class, and reads back what it wrote."""

from __future__ import annotations

import re

import pytest

from agent_runner import wire
from agent_runner.events.base import AgentEvent, tag_of
from agent_runner.events.line import Unknown
from agent_runner.events.message import MessageCompleted
from agent_runner.events.registry import all_events, event_of, events_of
from agent_runner.events.run import RouteDecided


def test_all_are_there_by_their_names() -> None:
    events = all_events()
    assert {"route.decided", "item.snapshot", "toggle.set"} <= set(events)
    assert all(tag_of(cls) == name for name, cls in events.items())
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", name) for name in events)


def test_each_is_on_one_stream() -> None:
    streams = [set(events_of("conversation")), set(events_of("fallback"))]
    assert set.union(*streams) == set(all_events())
    assert not set.intersection(*streams)


@pytest.mark.parametrize(
    "event",
    [
        RouteDecided(mode="tmux", source="request", reason="asked"),
        MessageCompleted(item_id="m", text="\u2028", partial=True),
        Unknown(source_type="x", raw="{}"),
    ],
)
def test_what_is_stored_is_read_back(event: AgentEvent) -> None:
    assert event_of(wire.encode(event)) == event


def test_what_a_class_says_of_its_events_holds_for_the_right_ones() -> None:
    names = {
        trait: {name for name, cls in all_events().items() if getattr(cls, trait)}
        for trait in ("deed", "fruit", "work", "recovered")
    }
    assert names == {
        "deed": {
            *("tool.started", "tool.completed", "file.changed", "permission.requested"),
            *("parse_error", "unknown", "oversize"),
        },
        "fruit": {
            *("message.completed", "reasoning.completed", "tool.started", "tool.completed"),
            *("file.changed", "permission.requested", "session.quarantined"),
        },
        "work": {
            *("tool.started", "tool.completed", "tool.input.delta", "tool.progress"),
            *("file.changed", "permission.requested", "unknown"),
        },
        "recovered": {
            *("session.started", "message.completed", "reasoning.completed", "tool.started"),
            *("tool.completed", "file.changed", "usage"),
        },
    }
