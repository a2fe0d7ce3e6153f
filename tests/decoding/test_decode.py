"""Lines that no CLI should print, and the bounds of what we keep of them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner import wire
from agent_runner.agents.claude import schema as claude
from agent_runner.agents.claude.stream_schema import STREAM, ContentBlockDelta
from agent_runner.decoding.decode import (
    _MOST_DROPS,
    DRIFT_NAMES,
    RAW_LIMIT,
    Broken,
    Drift,
    Family,
    Line,
    OpenLine,
    Schema,
    Unrecognised,
    decode_object,
    plain,
    shown,
    whole,
)
from agent_runner.decoding.salvage import MOST_PIECES


class Inner(Line):
    known: int | None = None
    other: int | None = None


class Needy(Line):
    id: str


class Outer(Line, tag_field="type", tag="outer"):
    text: str
    inner: Inner | None = None
    many: list[Inner] | None = None
    needy: list[Needy] | None = None


class End(Line):
    type: str
    why: str | None = None
    text: str | None = None
    inner: Inner | None = None


class A(Line):
    type: str
    subtype: str
    text: str


class LooseInner(OpenLine):
    known: int | None = None


class Loose(OpenLine):
    text: str | None = None
    inner: LooseInner | None = None


FAMILY = Family({"outer": Outer, "group": {"a": A, "b": Loose}, "end": End}, ends=("end",))


def one(line: bytes, drift: Drift | None = None) -> Any:
    """The only outcome of a line, or None of a blank one."""
    message = FAMILY.strict(line)
    if message is not None:
        return message
    parts = FAMILY.read(line, Drift() if drift is None else drift)
    assert len(parts) < 2
    return parts[0].damage or parts[0].message if parts else None


NO_MESSAGE = {
    "only NUL": b"\x00" * 100,
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "scalar": b"3",
    "null": b"null",
    "array": b"[]",
    "missing field": b'{"type":"outer"}',
    "wrong type": b'{"type":"outer","text":true}',
    "no type": b'{"text":"x"}',
    "type of another type": b'{"type":3,"text":"x"}',
    "cut": b'{"type":"outer","te',
    "text": b"Error: something went wrong",
    "text with braces": b"Error: { code: 3 }",
}


@pytest.mark.parametrize("line", NO_MESSAGE.values(), ids=NO_MESSAGE)
def test_a_line_that_is_no_message_is_broken_and_shown(line: bytes) -> None:
    outcome = one(line)
    assert isinstance(outcome, Broken)
    assert outcome.error
    assert outcome.raw == shown(line)
    assert len(outcome.raw) <= RAW_LIMIT + 100
    msgspec.json.encode(outcome)


ODD = {
    "invalid UTF-8": (b'"a\xff\xfeb"', "a\ufffd\ufffdb"),
    "half a character": (b'"caf\xc3"', "caf\ufffd"),
    "lone surrogate": (b'"cut here \\ud83d"', "cut here \ufffd"),
    "the other half": (b'"\\udc00 here"', "\ufffd here"),
    "half a pair before a letter": (b'"\\ud83d\\u0041"', "\ufffdA"),
    "a whole pair beside half a one": (b'"\\ud83d\\ude00\\ud83d"', "\U0001f600\ufffd"),
    "raw NUL": (b'"a\x00b"', "a\0b"),
    "raw line separator": (b'"a\tb"', "a\tb"),
}


@pytest.mark.parametrize(("text", "read"), ODD.values(), ids=ODD)
def test_odd_characters_cost_no_message(text: bytes, read: str) -> None:
    drift = Drift()
    assert one(b'{"type":"outer","text":' + text + b"}", drift) == Outer(text=read)
    assert not drift


UNFIT = {
    "digits": b"9" * 5000,
    "NaN": b"NaN",
    "no number": b"1e999",
    "deep": b"[" * 500 + b"]" * 500,
    "text": b'"12"',
    "an object": b"{}",
    "a fraction": b"1.5",
}


@pytest.mark.parametrize("value", UNFIT.values(), ids=UNFIT)
def test_a_field_that_does_not_fit_costs_only_itself(value: bytes) -> None:
    drift = Drift()
    line = b'{"type":"outer","text":"x","inner":{"known":%b,"other":5}}' % value
    assert one(line, drift) == Outer(text="x", inner=Inner(other=5))
    assert drift in ({"outer.inner.known": 1}, {})
    assert not drift.lost


def test_a_part_that_lacks_what_it_needs_is_left_out_and_lost() -> None:
    drift = Drift()
    line = b'{"type":"outer","text":"x","needy":[{"id":true},{"id":"b"},3]}'
    assert one(line, drift) == Outer(text="x", needy=[Needy(id="b")])
    assert drift["outer.needy"] == 2
    assert len(drift.lost) == 2


def read(line: bytes) -> list[Any]:
    return [part.damage or part.message for part in FAMILY.read(line, Drift())]


def test_every_object_of_a_line_is_read() -> None:
    x, y = b'{"type":"outer","text":"x"}', b'{"text":"y","type":"outer"}'
    both = [Outer(text="x"), Outer(text="y")]
    assert read(x + y) == both
    assert read(b"[%b, %b]\r" % (x, y)) == both
    assert read(b"\x1e" + x + b"\x1e" + y) == both
    note = "(node:42) Warning: { old: 1 } "
    told = read(note.encode() + x + b" bye " + y + b"\xff")
    assert [t.raw if isinstance(t, Broken) else t for t in told] == [
        note,
        Outer(text="x"),
        " bye ",
        Outer(text="y"),
        "\\xff",
    ]


def test_an_object_that_was_cut_by_another_is_broken_alone() -> None:
    whole = b'{"type":"outer","text":"y"}'
    for cut in (b'{"type":"outer","text":"x', b'{"type":"outer","te', b'{"type":', b"{"):
        broken, message = read(cut + whole)
        assert isinstance(broken, Broken)
        assert broken.raw == cut.decode()
        assert message == Outer(text="y")


def test_an_object_inside_a_damaged_one_is_not_read_alone() -> None:
    line = b'{"type":"outer","text":nope,"inner":{"type":"outer","text":"y"},"z":1}'
    assert [type(outcome) for outcome in read(line)] == [Broken]


def test_an_object_that_was_cut_behind_its_last_field_is_one() -> None:
    for line in (
        b'{"type":"outer","text":"x","inner":{"known":1}',
        b'{"type":"z","inner":{"a":[{"b":1}',
    ):
        assert [type(outcome) for outcome in read(line)] == [Broken]
    broken, message = read(b'{"type":"outer","inner":{"type":"outer","text":"y"}')
    assert isinstance(broken, Broken)
    assert message == Outer(text="y")


def test_the_end_of_a_turn_is_known_by_what_is_left_of_it() -> None:
    for line in (
        b'{"type":"end","why":"done","text":"cut of',
        b'{"type":"end","why":"done",garbage "text":"x"}',
        b'{"type":"end","why":"done","inner":' + b"[" * 100_000,
        b'{"why":"done","text":"he said "hi", and left","type":"end"}',
        b'{"why":"done","inner":{"known":\xff},"type":"end"',
    ):
        (part,) = FAMILY.read(line, Drift())
        assert part.damage is not None
        assert part.damage.raw == shown(line)
        assert isinstance(part.message, End)
        assert part.message.why == "done"


def test_a_line_of_many_parts_is_bounded() -> None:
    assert len(FAMILY.read(b"{}" * 100_000, Drift())) == MOST_PIECES + 1
    for odd in (b'{"a":1', b'"', b"{", b"{ ", b'{"a":{"b"', b'\\"', b'{"a":" '):
        assert len(FAMILY.read(odd * (2_000_000 // len(odd)), Drift())) < 3


@pytest.mark.parametrize("line", [b"", b"\r", b"  \t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r"])
def test_a_blank_line_is_nothing(line: bytes) -> None:
    assert one(line) is None


@pytest.mark.parametrize(
    "frame", [b"%b", b"\xef\xbb\xbf%b", b"%b\r", b"  %b  ", b"\xef\xbb\xbf%b\r"]
)
def test_marks_around_the_object_are_tolerated(frame: bytes) -> None:
    line = frame % b'{"text":"x","type":"outer"}'
    assert one(line) == Outer(text="x")


def test_an_unknown_type_keeps_its_name_and_its_line() -> None:
    for line, name in (
        (b'{"type":"new","x":1}', "new"),
        (b'{"type":"group","subtype":"c"}', "group/c"),
        (b'{"type":"group"}', "group/None"),
    ):
        assert one(line) == Unrecognised(name, line.decode())


def test_unknown_fields_are_counted_at_every_level() -> None:
    drift = Drift()
    line = b'{"type":"outer","text":"x","a":1,"inner":{"b":2},"many":[{"c":3},{"c":4,"known":5}]}'
    assert one(line, drift) == Outer(text="x", inner=Inner(), many=[Inner(), Inner(known=5)])
    assert drift == {"outer.a": 1, "outer.inner.b": 1, "outer.many.c": 2}


def test_an_open_schema_counts_nothing() -> None:
    drift = Drift()
    one(b'{"type":"group","subtype":"b","a":1,"b":2,"inner":{"c":3}}', drift)
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
    for outcome in read(line):
        assert isinstance(outcome, Broken | Unrecognised | Line)


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
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(200):
            inner = STREAM.strict(claude.LINES.strict(line).event)
        best = min(best, (time.perf_counter() - start) / 200)
    assert isinstance(inner, ContentBlockDelta)
    assert best < 50e-6


class Told(Line, kw_only=True):
    """A message that does not declare its tag, so it is decoded in two passes."""

    type: str
    text: str


class Sub(Line, kw_only=True):
    type: str
    subtype: str
    count: int


TWICE = Family({"told": Told, "more": {"sub": Sub}})


def test_a_type_that_does_not_declare_its_tag_is_read_as_well() -> None:
    told = TWICE.strict(b'{"type": "told", "text": "x"}')
    assert isinstance(told, Told)
    assert told.text == "x"
    assert TWICE.strict(b'{"type": "told"}') is None
    more = TWICE.strict(b'{"type": "more", "subtype": "sub", "count": 2}')
    assert isinstance(more, Sub)
    assert TWICE.strict(b'{"type": "more", "subtype": "no"}') is None


def test_a_message_that_lacks_what_it_needs_itself_is_none() -> None:
    drift = Drift()
    with pytest.raises(msgspec.ValidationError):
        Schema("told", Told).convert({"type": "told"}, drift)
    assert not drift


def test_so_many_fields_are_mended_and_no_more() -> None:
    names = [f"field{number}" for number in range(_MOST_DROPS + 1)]
    fields = [(name, int | None, None) for name in names]
    wide: Any = msgspec.defstruct("Wide", fields, bases=(Line,), kw_only=True)
    bad: dict[str, Any] = {name: [] for name in names}
    with pytest.raises(msgspec.ValidationError):
        Schema("wide", wide).convert(dict(bad), Drift())
    del bad[names[0]]
    assert Schema("wide", wide).convert(bad, Drift()) == wide()
