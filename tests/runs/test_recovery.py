"""Which of what a process printed by itself belongs to which run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from agent_runner.events.base import AgentEvent
from agent_runner.events.message import MessageCompleted, TurnCompleted
from agent_runner.runs.recovery import missing_background


def said(text: str) -> AgentEvent:
    return MessageCompleted(item_id=text, text=text)


FIRST = TurnCompleted(ok=True, text="first", unsolicited=True)
SECOND = TurnCompleted(ok=True, text="second", unsolicited=True)
PRINTED: list[AgentEvent] = [said("a"), said("b"), FIRST, said("c"), SECOND, said("d")]


def stored(*texts: str) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(said(text)) for text in texts]


@pytest.mark.parametrize(
    ("own", "others", "found", "verdict"),
    [
        ("a", "", ["b"], FIRST),
        ("ab", "c", [], FIRST),
        ("c", "ab", [], SECOND),
        ("", "ab", ["c"], SECOND),
        ("d", "abc", [], None),
        ("", "abcd", [], None),
    ],
)
def test_a_run_has_what_was_printed_until_its_verdict(
    own: str, others: str, found: Sequence[str], verdict: TurnCompleted | None
) -> None:
    events, told = missing_background(PRINTED, stored(*own), stored(*others))
    assert [event.text for event in events if isinstance(event, MessageCompleted)] == found
    assert told is verdict
