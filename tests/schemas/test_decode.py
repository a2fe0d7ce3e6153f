"""Lines that no CLI should print, and the bounds of what we keep of them."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner import wire
from agent_runner.schemas import claude
from agent_runner.schemas.claude_stream import STREAM, ContentBlockDelta
from agent_runner.schemas.decode import (
    DRIFT_NAMES,
    RAW_LIMIT,
    Broken,
    Drift,
    Family,
    Line,
    OpenLine,
    Unrecognised,
    decode_object,
    plain,
    shown,
    whole,
)


class Inner(Line):
    known: int | None = None


class Outer(Line):
    text: str
    inner: Inner | None = None
    many: list[Inner] | None = None


class LooseInner(OpenLine):
    known: int | None = None


class Loose(OpenLine):
    text: str | None = None
    inner: LooseInner | None = None


FAMILY = Family({"outer": Outer, "group": {"a": Outer, "b": Loose}})

TORTURE = {
    "invalid UTF-8": b'{"type":"outer","text":"\xff\xfe"}',
    "lone surrogate": b'{"type":"outer","text":"\\ud800"}',
    "raw NUL": b'{"type":"outer","text":"a\x00b"}',
    "only NUL": b"\x00" * 100,
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep inside": b'{"type":"outer","text":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "5,000 digits": b'{"type":"outer","text":"x","n":' + b"9" * 5000 + b"}",
    "NaN": b'{"type":"outer","text":NaN}',
    "1e999": b'{"type":"outer","text":"x","n":1e999}',
    "scalar": b"3",
    "null": b"null",
    "array": b"[]",
    "two objects": b'{"type":"outer","text":"x"}{"type":"outer","text":"y"}',
    "missing field": b'{"type":"outer"}',
    "wrong type": b'{"type":"outer","text":3}',
    "no type": b'{"text":"x"}',
    "type of another type": b'{"type":3,"text":"x"}',
    "cut": b'{"type":"outer","te',
    "text": b"Error: something went wrong",
}


@pytest.mark.parametrize("line", TORTURE.values(), ids=TORTURE)
def test_a_line_that_is_no_message_is_broken_and_shown(line: bytes) -> None:
    outcome = FAMILY.decode(line, Drift())
    assert isinstance(outcome, Broken)
    assert outcome.error
    assert len(outcome.raw) <= RAW_LIMIT + 100
    msgspec.json.encode(outcome)


@pytest.mark.parametrize("line", [b"", b"\r", b"  \t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r"])
def test_a_blank_line_is_nothing(line: bytes) -> None:
    assert FAMILY.decode(line, Drift()) is None


@pytest.mark.parametrize(
    "frame", [b"%b", b"\xef\xbb\xbf%b", b"%b\r", b"  %b  ", b"\xef\xbb\xbf%b\r"]
)
def test_marks_around_the_object_are_tolerated(frame: bytes) -> None:
    line = frame % b'{"text":"x","type":"outer"}'
    assert FAMILY.decode(line, Drift()) == Outer(text="x")


def test_an_unknown_type_keeps_its_name_and_its_line() -> None:
    for line, name in (
        (b'{"type":"new","x":1}', "new"),
        (b'{"type":"group","subtype":"c"}', "group/c"),
        (b'{"type":"group"}', "group/None"),
    ):
        assert FAMILY.decode(line, Drift()) == Unrecognised(name, line.decode())


def test_unknown_fields_are_counted_at_every_level() -> None:
    drift = Drift()
    line = b'{"type":"outer","text":"x","a":1,"inner":{"b":2},"many":[{"c":3},{"c":4,"known":5}]}'
    assert FAMILY.decode(line, drift) == Outer(
        text="x", inner=Inner(), many=[Inner(), Inner(known=5)]
    )
    assert drift == {"outer.a": 1, "outer.inner.b": 1, "outer.many.c": 2}


def test_an_open_schema_counts_nothing() -> None:
    drift = Drift()
    FAMILY.decode(b'{"type":"group","subtype":"b","a":1,"b":2,"inner":{"c":3}}', drift)
    assert not drift


def test_drift_is_bounded() -> None:
    drift = Drift()
    for number in range(10 * DRIFT_NAMES):
        drift.note(f"name-{number}" + "x" * 1000)
    assert len(drift) == DRIFT_NAMES + 1
    assert drift["(other)"] == 9 * DRIFT_NAMES
    assert max(map(len, drift)) <= 120


def test_the_shown_line_is_capped_and_says_so() -> None:
    text = shown(b"x" * (RAW_LIMIT + 1))
    assert text.endswith(f"[cut: {RAW_LIMIT + 1} bytes in all]")
    assert len(text) < RAW_LIMIT + 100
    assert shown(b"\xff") == "\\xff"
    assert len(shown(b"\xff" * RAW_LIMIT)) == RAW_LIMIT


def test_duplicate_keys_the_last_wins() -> None:
    assert decode_object(b'{"a":1,"a":2}') == {"a": 2}


def test_plain_values_encode_everywhere() -> None:
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    value = {"big": 2**63, "small": -(2**63) - 1, "fits": 2**63 - 1, "yes": True, "deep": deep}
    result = plain(value)
    assert result["big"] == str(2**63)
    assert result["small"] == str(-(2**63) - 1)
    assert result["fits"] == 2**63 - 1
    assert result["yes"] is True
    wire.encode(result)


def test_whole_numbers() -> None:
    assert whole(None) is None
    assert whole(1.6) == 2
    assert whole(1e300) is None
    assert whole(float(2**60)) is None


@given(st.binary(max_size=300))
def test_arbitrary_bytes_have_an_outcome(line: bytes) -> None:
    outcome = FAMILY.decode(line, Drift())
    assert outcome is None or isinstance(outcome, Broken | Unrecognised | Line)


def test_every_schema_is_named_once() -> None:
    names = [schema.name for schema in claude.LINES.schemas()]
    assert len(names) == len(set(names))


def test_a_small_delta_is_quick() -> None:
    """The aim is 8 microseconds; the bound here is loose, for a busy machine."""
    line = (
        b'{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":'
        b'{"type":"text_delta","text":"Hello"}},"session_id":"8c2f9a53-0000-4000-8000-123456789012"'
        b',"parent_tool_use_id":null,"uuid":"8c2f9a53-0000-4000-8000-123456789013"}'
    )
    drift = Drift()
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(200):
            inner = STREAM.convert(claude.LINES.decode(line, drift).event, drift, line)
        best = min(best, (time.perf_counter() - start) / 200)
    assert isinstance(inner, ContentBlockDelta)
    assert not drift
    assert best < 50e-6
