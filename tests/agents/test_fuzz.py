"""Foreign input never raises, always says something, and always makes encodable events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runner import wire
from agent_runner.agents.base import AgentOptions, Exit, Form, Session
from agent_runner.agents.registry import adapter_for
from agent_runner.events import TurnCompleted

FIXTURES = Path(__file__).parents[2] / "fixtures"

SESSIONS: dict[str, tuple[str, Form, str | None]] = {
    "claude-code": ("claude-code", Form.WARM, None),
    "gemini": ("gemini", Form.ONE_SHOT, None),
    "gemini-warm": ("gemini", Form.WARM, None),
    "factory-droid": ("factory-droid", Form.ONE_SHOT, None),
    "factory-droid-warm": ("factory-droid", Form.WARM, None),
    "acp": ("custom", Form.WARM, "acp"),
    "text": ("custom", Form.ONE_SHOT, "text"),
}


def session_of(name: str, *, resume: str | None = None) -> Any:
    type_, form, dialect = SESSIONS[name]
    options = AgentOptions(cwd="/work", command=["prog"] if dialect else [], dialect=dialect)
    session = adapter_for(type_).session(options, form, resume=resume)
    session.open()
    session.prompt("hello")
    return session


def real_lines() -> list[bytes]:
    lines: set[bytes] = set()
    for path in sorted(FIXTURES.glob("*/*/*/stdout.jsonl")):
        lines.update(line for line in path.read_bytes().split(b"\n") if 0 < len(line) < 3000)
    return sorted(lines)[::7] or [b'{"type":"result","subtype":"success","result":"x"}']


LINES = real_lines()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real line with bytes cut, put in, turned, or with one value replaced by another."""
    line = draw(st.sampled_from(LINES))
    kind = draw(st.sampled_from(["cut", "insert", "flip", "value", "value", "value", "drop"]))
    at = draw(st.integers(0, len(line)))
    if kind == "cut":
        return line[:at]
    if kind == "insert":
        return line[:at] + draw(st.binary(max_size=10)) + line[at:]
    if kind == "flip":
        return line[:at] + draw(st.binary(min_size=1, max_size=3)) + line[at + 1 :]
    try:
        data = json.loads(line)
    except ValueError:
        return line
    spots = list(places(data))
    if not spots:
        return line
    holder, key = draw(st.sampled_from(spots))
    if kind == "drop":
        del holder[key]
    else:
        holder[key] = draw(JSON)
    return json.dumps(data).encode("utf-8", "surrogatepass")


def places(data: Any) -> Any:
    """Every (container, key) in a JSON value."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(items):
        yield data, key
        if isinstance(value, dict | list):
            yield from places(value)


def feed(session: Any, lines: list[bytes]) -> None:
    for line in lines:
        before = sum(session.seen.values())
        received = session.receive(line)
        assert isinstance(received.send, bytes)
        for event in received.events:
            wire.encode(event)
        if line.strip(b"\xef\xbb\xbf \t\r\n"):
            assert received.events or sum(session.seen.values()) > before
    events = session.finish(Exit(code=0))
    for event in events:
        wire.encode(event)
    assert not [e for e in session.finish(Exit(code=0)) if isinstance(e, TurnCompleted)]


@pytest.mark.parametrize("name", SESSIONS)
@settings(max_examples=150, deadline=None)
@given(lines=st.lists(st.binary(max_size=200), max_size=5))
def test_arbitrary_bytes(name: str, lines: list[bytes]) -> None:
    feed(session_of(name), lines)


@pytest.mark.parametrize("name", SESSIONS)
@settings(max_examples=300, deadline=None)
@given(lines=st.lists(mutated(), min_size=1, max_size=8))
def test_mutated_real_lines(name: str, lines: list[bytes]) -> None:
    feed(session_of(name), lines)


@pytest.mark.parametrize("name", SESSIONS)
@settings(max_examples=100, deadline=None)
@given(lines=st.lists(mutated(), min_size=1, max_size=6))
def test_mutated_lines_to_a_resumed_session(name: str, lines: list[bytes]) -> None:
    feed(session_of(name, resume="0000-1111"), lines)


@pytest.mark.parametrize("name", SESSIONS)
def test_a_process_that_prints_nothing_fails_its_prompt(name: str) -> None:
    session: Session = session_of(name)
    verdicts = [e for e in session.finish(Exit(code=1)) if isinstance(e, TurnCompleted)]
    assert len(verdicts) == 1
    assert not verdicts[0].ok
    assert verdicts[0].code
    assert verdicts[0].error
