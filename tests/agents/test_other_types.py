"""A field that tells how a line went, of another type: it is read where it says the same."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import Form
from tests.agents.sessions import Driver
from tests.agents.test_unanswered import (
    ACP_END,
    ACP_OPEN,
    CLAUDE_INIT,
    CLAUDE_TOOL,
    DROID_OPEN,
    Message,
    claude_ends,
    claude_says,
    note,
    update,
)


def started(type_: str, form: Form, begin: list[Message], **options: Any) -> Driver:
    driver = Driver(type_, form, **options)
    driver.prompt()
    driver.take(*begin)
    return driver


def claude() -> Driver:
    return started("claude-code", Form.WARM, CLAUDE_INIT)


def verdict(events: list[Message]) -> Message:
    return next(event for event in events if event["type"] == "turn.completed")


def messages(events: list[Message]) -> list[str]:
    return [event["text"] for event in events if event["type"] == "message.completed"]


BLOCK = {"type": "text", "text": "hello"}


@pytest.mark.parametrize("told", ["true", "True", 1, "1"])
def test_a_failure_in_another_type_is_one(told: Any) -> None:
    driver = claude()
    end = verdict(driver.take(*claude_says("hm"), *claude_ends("API Error: 500", is_error=told)))
    assert (end["ok"], end["code"]) == (False, "api_error")
    assert driver.session.drift["result.is_error"] == 1


@pytest.mark.parametrize("told", ["false", 0, None, {"x": 1}])
def test_a_success_in_another_type_is_one(told: Any) -> None:
    end = verdict(claude().take(*claude_ends("hello", is_error=told)))
    assert (end["ok"], end["text"]) == (True, "hello")


@pytest.mark.parametrize("answer", [{"text": "hello"}, [BLOCK], ["hello"], BLOCK])
def test_an_answer_in_blocks_is_its_text(answer: Any) -> None:
    driver = claude()
    end = verdict(driver.take({"type": "result", "subtype": "success", "result": answer}))
    assert (end["ok"], end["text"]) == (True, "hello")
    assert driver.session.drift["result.result"] == 1


def test_an_answer_of_no_text_at_all_is_what_was_said_before() -> None:
    end = {"type": "result", "subtype": "success", "result": {"sum": 42}}
    told = verdict(claude().take(*claude_says("hello"), end))
    assert (told["ok"], told["text"]) == (True, "hello")


@pytest.mark.parametrize("content", ["hello", BLOCK, ["hello"], [BLOCK]])
def test_a_message_without_blocks_is_text(content: Any) -> None:
    driver = claude()
    line = {"type": "assistant", "message": {"id": "m1", "content": content}}
    end = {"type": "result", "subtype": "success", "is_error": False}
    events = driver.take(line, end)
    assert messages(events) == ["hello"]
    assert (verdict(events)["ok"], verdict(events)["text"]) == (True, "hello")


def test_a_message_that_was_left_out_may_have_been_the_answer() -> None:
    line = {"type": "assistant", "message": {"id": "m1", "content": [5]}}
    events = claude().take(line, *claude_ends(""))
    assert verdict(events)["ok"]


CLAUDE_RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "out"}


@pytest.mark.parametrize(
    ("block", "status"),
    [
        ({"is_error": "true"}, "failed"),
        ({"is_error": "false"}, "completed"),
        ({"tool_use_id": None}, "completed"),
    ],
)
def test_a_tools_end_in_another_type(block: Message, status: str) -> None:
    driver = claude()
    content = [CLAUDE_RESULT | block]
    events = driver.take(
        CLAUDE_TOOL[0], {"type": "user", "message": {"role": "user", "content": content}}
    )
    assert [event["status"] for event in events if event["type"] == "tool.completed"] == [status]
    assert driver.session.drift


def test_a_result_of_one_of_two_calls_is_given_to_neither() -> None:
    driver = claude()
    other = {"type": "tool_use", "id": "t2", "name": "Bash", "input": {}}
    message = {"id": "m1", "content": [other]}
    driver.take(CLAUDE_TOOL[0], {"type": "assistant", "message": message})
    content = [CLAUDE_RESULT | {"tool_use_id": None}]
    events = driver.take({"type": "user", "message": {"role": "user", "content": content}})
    assert [event["type"] for event in events] == ["unknown"]


# --- the other CLIs --------------------------------------------------------------------------


def droid() -> Driver:
    return started("factory-droid", Form.ONE_SHOT, [])


def gemini() -> Driver:
    return started("gemini", Form.ONE_SHOT, [])


DROID_CALL = {"type": "tool_call", "id": "t1", "toolName": "Execute", "parameters": {}}
GEMINI_CALL = {"type": "tool_use", "tool_name": "glob", "tool_id": "t1", "parameters": {}}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"id": "t1", "isError": "true", "error": "bad"}, "failed"),
        ({"id": "t1", "error": {"message": "bad"}}, "failed"),
        ({"value": "x"}, "completed"),
    ],
)
def test_a_tools_end_of_droid(fields: Message, status: str) -> None:
    events = droid().take(DROID_CALL, {"type": "tool_result", **fields})
    assert [event["status"] for event in events[1:]] == [status]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"tool_id": "t1", "status": "error", "error": "bad"}, "failed"),
        ({"tool_id": "t1", "status": 0, "error": "bad"}, "failed"),
        ({"status": "success"}, "completed"),
    ],
)
def test_a_tools_end_of_gemini(fields: Message, status: str) -> None:
    events = gemini().take(GEMINI_CALL, {"type": "tool_result", **fields})
    assert [event["status"] for event in events[1:]] == [status]


def test_what_droid_says_in_its_error_counts() -> None:
    driver = droid()
    driver.take({"type": "error", "error": {"message": "rate limit exceeded"}})
    assert verdict(driver.end(1))["code"] == "rate_limited"


def test_a_failure_of_droid_in_another_type_is_one() -> None:
    driver = droid()
    driver.take({"type": "result", "subtype": "success", "is_error": "true", "result": "boom"})
    end = verdict(driver.end(1))
    assert (end["ok"], end["error"]) == (False, "boom")


def test_an_error_of_gemini_may_be_a_text() -> None:
    end = verdict(gemini().take({"type": "result", "status": None, "error": "rate limit exceeded"}))
    assert (end["ok"], end["code"]) == (False, "rate_limited")


@pytest.mark.parametrize("role", ["assistant", "model", None])
def test_the_agent_is_known_by_other_words(role: str | None) -> None:
    gemini_ = gemini()
    events = gemini_.take({"type": "message", "role": role, "content": "hello"})
    events += gemini_.take({"type": "result", "status": "success"})
    assert messages(events) == ["hello"]
    assert verdict(events)["ok"]
    events = droid().take({"type": "message", "role": role, "text": "hello"})
    assert messages(events) == ["hello"]


def test_a_message_of_somebody_else_is_shown_and_is_no_text_of_the_agent() -> None:
    for driver in (gemini(), droid()):
        line = {"type": "message", "role": "system", "content": "x", "text": "x"}
        line.pop("text" if driver.session.__class__.__name__ == "GeminiProtocol" else "content")
        assert [event["type"] for event in driver.take(line)] == ["unknown"]


@pytest.mark.parametrize("content", ["hello", BLOCK, [BLOCK], ["hello"]])
def test_a_text_in_any_of_its_forms(content: Any) -> None:
    warm = started("factory-droid", Form.WARM, DROID_OPEN)
    told = {"role": "assistant", "id": "m1", "content": content}
    events = warm.take(
        note(type="create_message", message=told), note(type="agent_turn_completed", reason=None)
    )
    assert (messages(events), verdict(events)["ok"]) == (["hello"], True)
    acp = started("gemini", Form.WARM, ACP_OPEN)
    events = acp.take(update("agent_message_chunk", content=content), *ACP_END)
    assert (messages(events), verdict(events)["ok"]) == (["hello"], True)


@pytest.mark.parametrize("content", ["hello", BLOCK, ["hello"], {"parts": [BLOCK]}])
def test_a_text_of_gemini_in_any_of_its_forms(content: Any) -> None:
    once = gemini()
    events = once.take(
        {"type": "message", "role": "assistant", "content": content},
        {"type": "result", "status": "success"},
    )
    assert (messages(events), verdict(events)["ok"]) == (["hello"], True)


@pytest.mark.parametrize("own_id", [3, 3.0, "3"])
def test_an_answer_to_a_request_by_its_number(own_id: Any) -> None:
    acp = started("gemini", Form.WARM, ACP_OPEN)
    events = acp.take(
        update("agent_message_chunk", content=BLOCK),
        {"jsonrpc": "2.0", "id": own_id, "result": {"stopReason": "end_turn"}},
    )
    assert verdict(events)["ok"]


@pytest.mark.parametrize("reason", ["error", "failed", "canceled"])
def test_a_stop_that_is_no_good_end(reason: str) -> None:
    acp = started("gemini", Form.WARM, ACP_OPEN)
    events = acp.take(
        update("agent_message_chunk", content=BLOCK),
        {"jsonrpc": "2.0", "id": 3, "result": {"stopReason": reason}},
    )
    assert not verdict(events)["ok"]


def test_words_nested_for_ever_are_none() -> None:
    deep: Any = "x"
    for _ in range(400):
        deep = {"content": [deep]}
    (event,) = droid().take({"type": "error", "error": deep})
    assert (event["code"], event.get("message", "")) == ("agent_error", "")
