"""Foreign input never raises, always says something, and always makes encodable events."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runner import wire
from agent_runner.agents.base import AgentOptions, CliProtocol, Exit, Form, PermissionAnswer
from agent_runner.agents.registry import adapter_for
from agent_runner.decoding.decode import shown
from agent_runner.events.line import ParseError, Unknown
from agent_runner.events.message import TurnCompleted
from agent_runner.events.permission import PermissionRequested
from agent_runner.process.lines import LineFramer, OversizeLine

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
    session = adapter_for(type_).protocol(options, form, resume=resume)
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
# Looked over once, and not for each line that is drawn.
A_LINE = st.sampled_from(LINES)
A_KIND = st.sampled_from(["cut", "insert", "flip", "value", "value", "value", "drop"])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real line with bytes cut, put in, turned, or with one value replaced by another."""
    line, kind = draw(A_LINE), draw(A_KIND)
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
    holder, key = spots[draw(st.integers(0, len(spots) - 1))]
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
    protocol: CliProtocol = session_of(name)
    verdicts = [e for e in protocol.finish(Exit(code=1)) if isinstance(e, TurnCompleted)]
    assert len(verdicts) == 1
    assert not verdicts[0].ok
    assert verdicts[0].code
    assert verdicts[0].error


# --- the end of a turn ------------------------------------------------------------------------

# An end, and what in it shows that it is one.
ENDS: dict[str, tuple[bytes, tuple[bytes, ...]]] = {
    "claude-code": (
        b'{"duration_api_ms":38,"stop_reason":"end_turn","session_id":"8ac6fa93","usage":{'
        b'"input_tokens":20,"server_tool_use":{"web_search_requests":0}},"modelUsage":{"m":{}},'
        b'"permission_denials":[],"is_error":false,"num_turns":2,"subtype":"success","result":'
        b'"It is \\"4\\", and\\nno more.","ttft_ms":12,"type":"result","uuid":"a44410be"}',
        (b'"type":"result"', b'"subtype":"success"'),
    ),
    "gemini": (
        b'{"type":"result","timestamp":"2026-11-21T03:22:03.701Z","status":"success","stats":{'
        b'"total_tokens":250,"models":{"m":{"total_tokens":250}}}}',
        (b'"type":"result"', b'"status":"success"'),
    ),
    "gemini-warm": (
        b'{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn","_meta":{"quota":{'
        b'"token_count":{"input_tokens":400},"model_usage":[{"model":"m"}]}}}}',
        (b'"id":3,', b'"result":{', b'"stopReason":"end_turn"'),
    ),
    "factory-droid": (
        b'{"type":"completion","finalText":"Wrote it.","numTurns":2,"durationMs":206,'
        b'"session_id":"b02e12f9","usage":{"input_tokens":20,"ttft_ms":24}}',
        (b'"type":"completion"', b'"numTurns":2,'),
    ),
    "factory-droid-warm": (
        b'{"jsonrpc":"2.0","type":"notification","factoryApiVersion":"1.0.0","method":'
        b'"droid.session_notification","params":{"sessionId":"26286b28","notification":{"type":'
        b'"agent_turn_completed","reason":"completed","tokenUsage":{"inputTokens":3},'
        b'"durationMs":1}}}',
        (b'"type":"agent_turn_completed"', b'"reason":"completed"'),
    ),
}
ENDS["acp"] = ENDS["gemini-warm"]
ANSWERS: dict[str, list[bytes]] = {
    "gemini-warm": [b'{"id":1,"result":{}}', b'{"id":2,"result":{"sessionId":"s"}}'],
    "factory-droid-warm": [b'{"id":"1","result":{"sessionId":"s"}}'],
}
ANSWERS["acp"] = ANSWERS["gemini-warm"]
# A newline makes it two lines, and a brace two objects.
NO_NEWLINE = st.binary(min_size=1, max_size=6).filter(lambda data: not set(data) & set(b"\n{"))


@st.composite
def mangled_end(draw: st.DrawFn, line: bytes, signs: tuple[bytes, ...]) -> bytes:
    """The line with bytes put in, turned or cut off where they do not touch what shows the end."""
    held = [(at - 1, at + len(sign) + 1) for sign in signs for at in [line.index(sign)]]
    for _ in range(draw(st.integers(1, 4))):
        free = [at for at in range(len(line) + 1) if not any(a < at < b for a, b in held)]
        at = draw(st.sampled_from(free))
        kind = draw(st.sampled_from(["insert", "turn", "cut"]))
        new = draw(NO_NEWLINE)
        if kind == "cut" and at > max(b for _, b in held):
            line = line[:at]
            continue
        old = 0 if kind == "insert" else len(new)
        if any(a < at + old and at < b for a, b in held):
            continue
        line = line[:at] + new + line[at + old :]
        grown = len(new) - old
        held = [(a + grown, b + grown) if a >= at else (a, b) for a, b in held]
    return line


@pytest.mark.parametrize("name", ENDS)
@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_line_that_shows_the_end_of_a_turn_ends_it(name: str, data: st.DataObject) -> None:
    session = session_of(name)
    for line in ANSWERS.get(name, []):
        session.receive(line)
    events = session.receive(data.draw(mangled_end(*ENDS[name]))).events
    verdicts = [event for event in events if isinstance(event, TurnCompleted)]
    assert len(verdicts) == 1
    assert not [e for e in session.finish(Exit(code=0)) if isinstance(e, TurnCompleted)]


# --- many lines, as a stream of bytes ---------------------------------------------------------

COUNT = 100_000 if os.environ.get("FULL_SIZE") else 10_000
LINES_OF_A_SESSION = 250
LINE_LIMIT = 2500
ODD = (
    b"null", b"true", b"0", b"1", b'"x"', b'["x"]', b'{"type":"x"}', b"[]", b"{}", b'""',
    b"NaN", b"-Infinity", b"1e999", b"1" * 400, str(2**64).encode(), b"-0.0", b"[" * 2000,
    b'"\\ud800"', b'"\\u0000"', b'"\xff"', b'{"a":1,"a":2}', b"'x'", b'"\\u2028\r"', b"",
    b'{"type":"result"}', b"\0", b"\xef\xbb\xbf", b"\n", b"\r\n", b"{}{}",
)  # fmt: skip
KINDS = ("cut", "insert", "flip", "splice", "noise", *["whole"] * 4, *["drop"] * 3, *["value"] * 5)


def lines_of(agent: str, form: Form) -> list[bytes]:
    """What the real CLI printed in this form."""
    lines: set[bytes] = set()
    for path in FIXTURES.glob(f"{agent}/*/*/stdout.jsonl"):
        if json.loads(path.with_name("command").read_bytes())["form"] == form:
            lines.update(line for line in path.read_bytes().split(b"\n") if 0 < len(line) < 3000)
    return sorted(lines)


def fuzzed(chance: random.Random, lines: list[bytes]) -> bytes:
    """A real line, most often with something wrong, or noise."""
    line = chance.choice(lines)
    at = chance.randint(0, len(line))
    kind = chance.choice(KINDS)
    if kind == "cut":
        return line[:at]
    if kind == "insert":
        return line[:at] + chance.choice(ODD) + line[at:]
    if kind == "flip":
        return line[:at] + chance.randbytes(chance.randint(1, 4)) + line[at + 1 :]
    if kind == "splice":
        other = chance.choice(lines)
        return line[:at] + other[chance.randint(0, len(other)) :]
    if kind == "noise":
        return chance.randbytes(chance.randint(0, 80))
    try:
        data = json.loads(line)
    except ValueError:
        return line
    spots = list(places(data))
    if kind == "whole" or not spots:
        return line
    holder, key = chance.choice(spots)
    if kind == "drop":
        del holder[key]
        return json.dumps(data).encode()
    holder[key] = "@odd@"
    return json.dumps(data).encode().replace(b'"@odd@"', chance.choice(ODD))


def stream_of(chance: random.Random, lines: list[bytes], count: int) -> bytes:
    """`count` fuzzed lines as a CLI prints them; the last one may have no end."""
    text = b"\n".join(fuzzed(chance, lines) for _ in range(count))
    return text + chance.choice((b"\n", b""))


def framed(chance: random.Random, data: bytes) -> list[bytes | OversizeLine]:
    """The lines of `data` when it arrives in pieces of any size; every byte is in one of them."""
    framer = LineFramer(LINE_LIMIT)
    found: list[bytes | OversizeLine] = []
    at = 0
    while at < len(data):
        size = chance.choice((1, 7, 100, 4096, 1 << 16))
        found += framer.feed(data[at : at + size])
        at += size
    ended = len(found)
    found += framer.flush()
    lengths = [line.length if isinstance(line, OversizeLine) else len(line) for line in found]
    assert sum(lengths) + ended == len(data)
    return found


def take(session: Any, line: bytes, chance: random.Random) -> None:
    """One line: it is told, or counted, or blank; what is told can be stored and streamed."""
    before = sum(session.seen.values())
    received = session.receive(line)
    assert received.events or sum(session.seen.values()) > before or not line.strip(BLANKS)
    for event in received.events:
        wire.encode(event)
        if isinstance(event, ParseError | Unknown):
            assert event.raw in shown(line)
        elif isinstance(event, PermissionRequested):
            answer = PermissionAnswer(allow=chance.random() < 0.5, message="no")
            assert session.answer(event.request_id, answer)
        elif isinstance(event, TurnCompleted):
            session.prompt("again")
    if chance.random() < 0.01:
        session.interrupt()


BLANKS = b"\xef\xbb\xbf \t\r\n"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SESSIONS)
def test_many_lines_without_a_crash_or_a_lost_byte(name: str) -> None:
    chance = random.Random(f"lines of {name}")
    agent, form, dialect = SESSIONS[name]
    own = lines_of("gemini" if dialect == "acp" else agent, form) or LINES
    taken = 0
    while taken < COUNT:
        session = session_of(name, resume=chance.choice((None, "0000-1111")))
        for line in framed(chance, stream_of(chance, own + LINES[::50], LINES_OF_A_SESSION)):
            taken += 1
            if not isinstance(line, OversizeLine):
                take(session, line, chance)
        for event in session.finish(Exit(code=chance.choice((0, 1, -9, None)))):
            wire.encode(event)
