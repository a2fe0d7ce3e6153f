"""A secret that a CLI prints in pieces."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.events.base import AgentEvent
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningDelta,
    TurnCompleted,
)
from agent_runner.events.tool import ToolInputDelta
from agent_runner.runners.text_mask import TextMask

SECRET = "hunter2-Zx9Qp11"
MASKED = "*" * len(SECRET)


def pieces(text: str, size: int, item: str = "i") -> list[AgentEvent]:
    return [
        MessageDelta(item_id=item, text=text[at : at + size]) for at in range(0, len(text), size)
    ]


def joined(events: list[AgentEvent], item: str = "i") -> str:
    return "".join(
        event.text for event in events if isinstance(event, MessageDelta) and event.item_id == item
    )


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 14, 99])
def test_it_is_masked_wherever_the_pieces_are_cut(size: int) -> None:
    mask = TextMask([SECRET])
    coded = base64.b64encode(b"x" + SECRET.encode()).decode()
    told = mask.events(pieces(f"it is {SECRET}, in code {coded}.", size))
    held, _ = mask.end([])
    text = joined([*told, *held])
    assert text.startswith(f"it is {MASKED}, in code ")
    assert coded[4:-4] not in text
    assert text.endswith(".")


def test_texts_side_by_side_are_masked_each_by_itself() -> None:
    mask = TextMask([SECRET])
    one, two = pieces(SECRET, 3, "one"), pieces(SECRET[::-1], 3, "two")
    told = mask.events([event for pair in zip(one, two, strict=True) for event in pair])
    held, _ = mask.end([])
    assert joined([*told, *held], "one") == MASKED
    assert joined([*told, *held], "two") == SECRET[::-1]


def test_the_whole_text_and_the_turn_s_are_masked_where_pieces_made_them() -> None:
    mask = TextMask([SECRET])
    mask.events(pieces(SECRET, 4))
    _, message, turn = mask.events(
        [
            *pieces("hun", 3),
            MessageCompleted(item_id="i", text=SECRET),
            TurnCompleted(ok=True, text=SECRET),
        ]
    )
    assert isinstance(message, MessageCompleted)
    assert isinstance(turn, TurnCompleted)
    assert (message.text, turn.text) == (MASKED, MASKED)


def test_thoughts_and_inputs_in_pieces_are_masked_too() -> None:
    mask = TextMask([SECRET])
    told = mask.events(
        [
            *(ReasoningDelta(item_id="t", text=part) for part in (SECRET[:5], SECRET[5:])),
            *(
                ToolInputDelta(tool_call_id="c", name="Bash", json=part)
                for part in ('{"command": "echo ' + SECRET[:5], SECRET[5:] + '"}')
            ),
        ]
    )
    thought = "".join(event.text for event in told if isinstance(event, ReasoningDelta))
    given_input = "".join(event.json for event in told if isinstance(event, ToolInputDelta))
    assert thought == MASKED
    assert given_input == f'{{"command": "echo {MASKED}"}}'


def test_the_pieces_make_the_whole_text_when_it_is_complete() -> None:
    mask = TextMask([SECRET])
    told = mask.events([*pieces("a hunt", 3), MessageCompleted(item_id="i", text="a hunt")])
    assert joined(told) == "a hunt"
    assert isinstance(told[-1], MessageCompleted)


def test_what_only_begins_like_a_secret_comes_at_the_turn_s_end() -> None:
    mask = TextMask([SECRET])
    assert joined(mask.events(pieces("hunt", 4))) == ""
    told = mask.events([TurnCompleted(ok=True)])
    assert joined(told) == "hunt"
    assert isinstance(told[-1], TurnCompleted)


def test_without_secrets_nothing_is_touched() -> None:
    events = pieces("a text", 2)
    assert TextMask([]).events(events) is events


@given(st.lists(st.text("hunter2-ZxQp19 é\U0001f600", max_size=12), max_size=12), st.data())
def test_any_text_in_any_pieces_is_masked_as_the_whole_is(
    parts: list[str], data: st.DataObject
) -> None:
    text = "".join(data.draw(st.sampled_from([part, SECRET])) for part in parts)
    size = data.draw(st.integers(1, 9))
    mask = TextMask([SECRET])
    told = mask.events(pieces(text, size))
    held, _ = mask.end([])
    assert joined([*told, *held]) == text.replace(SECRET, MASKED)
