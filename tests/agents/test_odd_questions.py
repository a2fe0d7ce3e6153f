"""A question that is not whole is refused: what would be allowed was not seen by anybody.

And what a terminal's transcript, a supervised command and a stream of pieces have that is odd.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_runner.agents.base import Form
from tests.agents.sessions import Driver, hook
from tests.agents.test_unanswered import ACP_OPEN, DROID_OPEN, WAYS

Message = dict[str, Any]
LONG = "A" * 100_000

CLAUDE_ASKS = {
    "type": "control_request",
    "request_id": "q1",
    "request": {"subtype": "can_use_tool", "tool_name": "Write", "input": {"content": LONG}},
}
ACP_ASKS = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "session/request_permission",
    "params": {"toolCall": {"toolCallId": "t1", "title": LONG}, "options": []},
}
DROID_ASKS = {
    "jsonrpc": "2.0",
    "id": "q1",
    "method": "droid.request_permission",
    "params": {"toolUses": [{"toolUse": {"id": "t1", "name": "Create", "input": {"c": LONG}}}]},
}
UI_ASKS = {**hook("PermissionRequest", tool_name="Write", tool_input={"c": LONG}), "held": True}

ASKS: dict[str, tuple[str, Message]] = {
    "claude-once": ("claude-warm", CLAUDE_ASKS),
    "claude-warm": ("claude-warm", CLAUDE_ASKS),
    "claude-terminal": ("claude-terminal", UI_ASKS),
    "droid-warm": ("droid-warm", DROID_ASKS),
    "gemini-warm": ("gemini-warm", ACP_ASKS),
    "custom-acp-warm": ("custom-acp-warm", ACP_ASKS),
}


def asked(name: str) -> tuple[Driver, bytes]:
    way, question = ASKS[name]
    driver = Driver(WAYS[way].type, WAYS[way].form, **WAYS[way].options)
    driver.prompt()
    driver.take(*WAYS[way].begin)
    driver.sent.clear()
    return driver, json.dumps(question).encode()


def refusals(driver: Driver) -> list[Any]:
    """What was sent, so far as it is a no."""
    no = []
    for sent in driver.sent:
        text = json.dumps(sent)
        if '"deny"' in text or '"error"' in text:
            no.append(sent)
    assert len(no) == len(driver.sent)
    return no


@pytest.mark.parametrize("name", ASKS)
def test_a_question_that_is_cut_off_or_damaged_is_refused(name: str) -> None:
    for rest in (b"", b', nope: "x"}'):
        driver, line = asked(name)
        received = driver.session.receive(line[:-1] + rest)
        driver.note(received.send)
        codes = [getattr(event, "code", "parse_error") for event in received.events]
        assert codes == ["parse_error", "question_refused"]
        assert len(refusals(driver)) == 1


@pytest.mark.parametrize("name", ASKS)
def test_a_question_that_is_too_long_is_refused(name: str) -> None:
    driver, line = asked(name)
    received = driver.session.receive_oversize(line.replace(LONG.encode(), b"AAAA"))
    driver.note(received.send)
    assert [event.code for event in received.events] == ["question_refused"]
    assert len(refusals(driver)) == 1


@pytest.mark.parametrize(
    ("way", "begin", "question"),
    [
        ("droid-warm", DROID_OPEN, {"toolUses": [{"toolUse": {"id": "t1", "name": "a"}}, 5]}),
        (
            "gemini-warm",
            ACP_OPEN,
            {"toolCall": {"toolCallId": "t1", "content": [{"type": "diff"}, "rm -rf"]}},
        ),
    ],
)
def test_a_question_of_which_a_part_is_lost_is_refused(
    way: str, begin: list[Message], question: Message
) -> None:
    driver = Driver(WAYS[way].type, Form.WARM)
    driver.prompt()
    driver.take(*begin)
    driver.sent.clear()
    method = "droid.request_permission" if way == "droid-warm" else "session/request_permission"
    events = driver.take({"jsonrpc": "2.0", "id": "q1", "method": method, "params": question})
    assert [event["type"] for event in events] == ["parse_error"]
    assert len(refusals(driver)) == 1


# --- a terminal's transcript -------------------------------------------------------------------


def in_ui(name: str) -> Driver:
    way = WAYS[f"{name}-terminal"]
    driver = Driver(way.type, Form.TERMINAL)
    driver.prompt()
    driver.take(*way.begin)
    return driver


def bad(text: str) -> Message:
    """What the driver tells of a line of the transcript that is no JSON object."""
    return {"type": "bad_line", "text": text}


@pytest.mark.parametrize("name", ["claude", "droid", "gemini"])
def test_every_object_of_a_line_of_a_transcript_is_read(name: str) -> None:
    way = WAYS[f"{name}-terminal"]
    says = json.dumps(way.says("four")[0]["line"])
    driver = in_ui(name)
    events = driver.take(bad(f'Warning: old {says}{{"type":"mode"}}'))
    assert [event["type"] for event in events] == ["parse_error", "message.completed"]
    assert (events[0]["raw"], events[1]["text"]) == ("Warning: old ", "four")
    assert not driver.session.drift


@pytest.mark.parametrize("name", ["claude", "droid"])
def test_a_tool_whose_line_in_the_transcript_is_cut_is_over(name: str) -> None:
    way = WAYS[f"{name}-terminal"]
    started, ended = way.tool
    driver = in_ui(name)
    driver.take(started)
    cut = json.dumps(ended["line"]).rstrip("]}")
    broken, done = driver.take(bad(cut))
    assert broken["type"] == "parse_error"
    assert (done["status"], done["truncated"]) == ("completed", True)


def test_a_sidecar_with_a_count_of_another_type_loses_that_count_alone() -> None:
    driver = in_ui("droid")
    counts = {"inputTokens": "12", "outputTokens": 3, "brandNew": 1}
    driver.take({"type": "sidecar", "data": {"tokenUsage": counts}})
    events = driver.take(*WAYS["droid-terminal"].says("four"), *WAYS["droid-terminal"].ends("four"))
    (usage,) = [event["usage"] for event in events if event["type"] == "usage"]
    assert usage["outputTokens"] == 3
    assert "inputTokens" not in usage
    assert driver.session.drift == {
        "settings.json.tokenUsage.inputTokens": 1,
        "settings.json.tokenUsage.brandNew": 1,
    }


# --- a supervised command ----------------------------------------------------------------------

BEAT = '{"event": "heartbeat"}'
NEEDED = '{"event": "approval_needed", "question": "Deploy?"}'


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_an_event_behind_a_notice_is_an_event(stream: str) -> None:
    driver = Driver("custom", Form.ONE_SHOT, command=["prog"], dialect="claude-code")
    driver.prompt()
    session = driver.session
    receive = session.receive if stream == "stdout" else session.receive_stderr
    received = receive(f"Warning: old {BEAT}{NEEDED}".encode())
    told = [
        getattr(event, "title", None) or getattr(event, "code", "") for event in received.events
    ]
    assert told[-2:] == ["heartbeat", "Deploy?"]
    assert len(told) == (3 if stream == "stdout" else 2)
    assert received.alive


def test_a_question_of_a_command_must_be_just_what_it_wrote() -> None:
    driver = Driver("custom", Form.ONE_SHOT, command=["prog"])
    driver.prompt()
    for odd in (r'"half \ud83d"', '"x", "options": "yes"'):
        line = f'{{"event": "approval_needed", "question": {odd}}}'
        (event,) = driver.session.receive_stderr(line.encode()).events
        assert event.code == "malformed_event"


# --- pieces --------------------------------------------------------------------------------------


def test_an_odd_character_in_a_piece_costs_no_piece() -> None:
    driver = Driver("claude-code", Form.WARM)
    driver.prompt()
    line = (
        '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":'
        r'{"type":"text_delta","text":"cut \ud83d"}}}'
    )
    (event,) = driver.take(line)
    assert event["text"] == "cut \ufffd"
    assert not driver.session.drift


def test_a_piece_with_a_field_of_another_type_loses_that_field() -> None:
    driver = Driver("claude-code", Form.WARM)
    driver.prompt()
    delta = {"type": "text_delta", "text": "four", "partial_json": 5, "new": 1}
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    (told,) = driver.take({"type": "stream_event", "event": event})
    assert told["text"] == "four"
    assert driver.session.drift == {
        "stream_event/content_block_delta.delta.partial_json": 1,
        "stream_event/content_block_delta.delta.new": 1,
    }


@pytest.mark.parametrize("event", [None, 5, "x", [], [{"type": "ping"}, {"type": "ping"}], {}])
def test_an_event_that_is_none(event: Any) -> None:
    driver = Driver("claude-code", Form.WARM)
    driver.prompt()
    line = json.dumps({"type": "stream_event", "event": event})
    told = driver.take(line)
    assert [one["type"] for one in told] in (["parse_error"], [])
    assert [one["raw"] for one in told] in ([line], [])
