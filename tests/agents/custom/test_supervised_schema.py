"""What a supervised tool prints, read; and what it is given when it is started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner import emitter
from agent_runner.agents.custom.supervised_schema import (
    MESSAGE_CHARACTERS,
    MOST_ANSWERS,
    Answer,
    ApprovalNeeded,
    Choice,
    Heartbeat,
    arguments,
    decode,
    environment,
    registered,
)
from agent_runner.approvals.canonical import input_hash
from agent_runner.decoding.decode import RAW_LIMIT, Broken, Drift


def read(event: dict[str, Any] | str | bytes) -> Heartbeat | ApprovalNeeded | Broken | None:
    if isinstance(event, dict):
        event = json.dumps(event)
    return decode(event.encode() if isinstance(event, str) else event, Drift())


def needed(**fields: Any) -> dict[str, Any]:
    return {"event": "approval_needed", "question": "Deploy?", **fields}


def test_the_events() -> None:
    assert isinstance(read({"event": "heartbeat"}), Heartbeat)
    assert isinstance(read(emitter.HEARTBEAT.strip()), Heartbeat)
    assert isinstance(read(b'\xef\xbb\xbf {"event": "heartbeat"} \r'), Heartbeat)
    plain = read(needed())
    assert isinstance(plain, ApprovalNeeded)
    assert (plain.question, plain.choices, plain.context) == ("Deploy?", [], None)
    assert plain.input == {"question": "Deploy?", "options": None, "context": None}
    options = ["yes", {"optionId": "n", "name": "No"}]
    full = read(needed(options=options, context={"a": [1, 2.5]}))
    assert isinstance(full, ApprovalNeeded)
    assert full.choices == [Choice("yes", "yes"), Choice("n", "No")]
    assert full.input == {"question": "Deploy?", "options": options, "context": {"a": [1, 2.5]}}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Traceback (most recent call last):",
        b'the event "heartbeat" came',
        b"{",
        b"{}",
        b"[]",
        b"3",
        b'{"level":"info","msg":"x"}',
        b'{"event":"started"}',
        b'{"event":"approval_registered","approvalId":"appr_1"}',
        b'{"event":3}',
        b'{"event":["heartbeat"]}',
        b'{"msg":"event heartbeat"',
        b'{"event":"x","more":"' + b"x" * 100_000 + b'"}',
        b'["event","heartbeat"]',
        b"\xff\xfe",
    ],
)
def test_other_text_is_no_event(line: bytes) -> None:
    assert read(line) is None


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"event":"heartbeat"', "truncated"),
        ('{"event":"approval_needed","question":"say "hi""}', "JSON"),
        ('{"event":"approval_needed","question":"\\ud800"}', "truncated"),
        (b'{"event":"approval_needed","question":"\xff"}', "UTF-8"),
        ('{"event":"approval_needed","context":' + "[" * 60_000, "deeply"),
        ({"event": "approval_needed"}, "question"),
        (needed(question=3), "question"),
        (needed(question=" \n"), "question"),
        (needed(question="ü" * 2049), "4096"),
        (needed(options="yes"), "options"),
        (needed(options=[]), "options"),
        (needed(options=["x"] * 21), "20"),
        (needed(options=["a", "a"]), "one id"),
        (needed(options=["a", {"optionId": "a", "name": "b"}]), "one id"),
        (needed(options=["a", ""]), "option"),
        (needed(options=["a\0"]), "option"),
        (needed(options=["a\nb"]), "option"),
        (needed(options=[{"optionId": "a", "name": "\x1b[2J"}]), "option"),
        (needed(options=["a" * 257]), "option"),
        (needed(options=[{"optionId": "a"}]), "name"),
        (needed(options=[{"optionId": "a", "name": " "}]), "option"),
        (needed(options=[{"optionId": "a", "name": "b", "kind": "c"}]), "kind"),
        (needed(options=[1]), "options"),
        (needed(context=[]), "context"),
        (needed(context="x"), "context"),
        (needed(context={"n": 2**63}), "64 bits"),
        (needed(context={"n": [{"m": -(2**64)}]}), "64 bits"),
        (needed(context={"text": "x" * 66_000}), "65536"),
    ],
)
def test_an_event_that_does_not_fit_is_told(line: dict[str, Any] | str | bytes, error: str) -> None:
    outcome = read(line)
    assert isinstance(outcome, Broken)
    assert error in outcome.error
    assert outcome.raw
    assert len(outcome.raw) < RAW_LIMIT + 100
    msgspec.json.encode(outcome)


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_a_context_has_so_many_levels() -> None:
    assert isinstance(read(needed(context=nested(emitter.MOST_LEVELS))), ApprovalNeeded)
    assert isinstance(read(needed(context=nested(emitter.MOST_LEVELS + 1))), Broken)


def test_unknown_fields_are_counted() -> None:
    drift = Drift()
    line = json.dumps(needed(approvalId="mine")).encode()
    assert isinstance(decode(line, drift), ApprovalNeeded)
    assert dict(drift) == {"approval_needed.approvalId": 1}


# --- fuzzing ---------------------------------------------------------------------------------

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.fixed_dictionaries(
    {"event": st.sampled_from(["heartbeat", "approval_needed", "x"]) | JSON},
    optional={
        "question": TEXT | JSON,
        "options": st.lists(TEXT | st.fixed_dictionaries({"optionId": TEXT, "name": TEXT}) | JSON),
        "context": st.dictionaries(TEXT, JSON) | JSON,
        "more": JSON,
    },
)


@given(EVENTS, st.integers(0, 300), st.binary(max_size=4))
def test_no_line_does_harm(event: dict[str, Any], at: int, noise: bytes) -> None:
    whole = json.dumps(event).encode()
    for line in (whole, whole[:at] + noise + whole[at:], whole[:at], noise + whole, noise):
        outcome = decode(line, Drift())
        if isinstance(outcome, ApprovalNeeded):
            assert len(input_hash("approval", outcome.input)) == 64
            msgspec.json.encode([outcome.input, outcome.choices])
        elif outcome is not None:
            msgspec.json.encode(outcome)
    if event["event"] not in ("heartbeat", "approval_needed"):
        assert decode(whole, Drift()) is None
    if event["event"] == "heartbeat":
        wanted = Broken if _is_no_json(whole) else Heartbeat
        assert isinstance(decode(whole, Drift()), wanted)


def _is_no_json(line: bytes) -> bool:
    """True for what only Python's own encoder writes: NaN and Infinity."""
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return True
    return False


@given(TEXT, st.none() | st.lists(TEXT, max_size=3), st.none() | st.dictionaries(TEXT, JSON))
def test_emitter_and_supervisor_read_a_question_alike(
    question: str, options: list[str] | None, context: dict[str, Any] | None
) -> None:
    """What the emitter takes is no malformed event, and both have the same hash of it."""
    try:
        line = emitter._line(question, options, context)
    except ValueError:
        fields = {"options": options, "context": context}
        assert isinstance(read(needed(**{**fields, "question": question})), Broken)
        return
    outcome = read(line.rstrip("\n"))
    assert isinstance(outcome, ApprovalNeeded)
    assert emitter.question_hash(json.loads(line)) == input_hash("approval", outcome.input)


# --- to the tool -----------------------------------------------------------------------------


def test_the_reply_is_a_line() -> None:
    assert registered("appr_1") == b'{"event":"approval_registered","approvalId":"appr_1"}\n'


def test_a_tool_is_started_again_with_the_last_answer_and_all() -> None:
    first = Answer(hash="aa", approval_id="appr_1", decision="approve", option_id="yes")
    last = Answer(hash="bb", approval_id="appr_2", decision="approve", message="a\0b\nü\x1b" * 200)
    assert arguments([first, last]) == ["--approval-id", "appr_2"]
    variables = environment([first, last])
    message = ("a b\nü " * 200)[:MESSAGE_CHARACTERS]
    assert json.loads(variables.pop("AGENT_RUNNER_APPROVALS")) == {
        "aa": {"approvalId": "appr_1", "decision": "approve", "optionId": "yes", "message": ""},
        "bb": {
            "approvalId": "appr_2",
            "decision": "approve",
            "optionId": None,
            "message": message,
        },
    }
    assert variables == {
        "AGENT_RUNNER_APPROVAL_ID": "appr_2",
        "AGENT_RUNNER_APPROVAL_HASH": "bb",
        "AGENT_RUNNER_APPROVAL_DECISION": "approve",
        "AGENT_RUNNER_APPROVAL_OPTION": "",
        "AGENT_RUNNER_APPROVAL_MESSAGE": message,
    }


def test_the_most_answers_fit_into_the_environment() -> None:
    answers = [
        Answer(
            hash=f"{number:064}",
            approval_id=f"appr_{number:028}",
            decision="approve",
            option_id='"' * emitter.OPTION_BYTES,
            message="\U0001f98a" * 1000,
        )
        for number in range(MOST_ANSWERS)
    ]
    program = "import os, json; print(len(json.loads(os.environ['AGENT_RUNNER_APPROVALS'])))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        env={**os.environ, **environment(answers)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert int(done.stdout) == MOST_ANSWERS
