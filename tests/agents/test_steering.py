"""A prompt into a running turn, and what its run ends with."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import Form
from agent_runner.agents.steering import Steering
from agent_runner.events.message import TurnCompleted
from agent_runner.events.usage import Usage
from tests.agents.sessions import Driver

TELLS = ["msg_lifecycle_v1", "interrupt_cancel_queued_v1"]


def init(capabilities: list[str] | None) -> dict[str, Any]:
    return {"type": "system", "subtype": "init", "session_id": "s", "capabilities": capabilities}


def result(text: str) -> dict[str, Any]:
    usage = {"input_tokens": 10, "output_tokens": 5}
    return {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": text,
        "session_id": "s",
        "usage": usage,
        "duration_ms": 7,
    }


def life(state: str, uuid: str = "u") -> dict[str, Any]:
    return {"type": "command_lifecycle", "command_uuid": uuid, "state": state}


def begun(capabilities: list[str] | None = TELLS) -> Driver:
    driver = Driver("claude-code", Form.WARM)
    driver.prompt("begin")
    driver.take(init(capabilities))
    return driver


def ends(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == "turn.completed"]


def codes(events: list[dict[str, Any]]) -> list[str]:
    found = []
    for event in events:
        if event["type"] == "prompt.taken":
            found.append("steer_taken" if event["taken"] else "steer_dropped")
        elif event["type"] in ("notice", "activity"):
            found.append(event["code"])
    return found


def test_claude_takes_one_in_and_the_turn_ends_once() -> None:
    driver = begun()
    driver.note(driver.session.steer("and this"))
    assert driver.sent[-1]["message"]["content"] == "and this"
    assert driver.sent[-1]["uuid"]
    assert "steer_taken" in codes(driver.take(life("queued"), life("started")))
    (end,) = ends(driver.take(result("done")))
    assert end["text"] == "done"
    assert driver.session.resting


def test_a_turn_that_ends_first_leaves_it_to_the_next_and_the_run_has_both() -> None:
    driver = begun()
    driver.note(driver.session.steer("and this"))
    events = driver.take(life("queued"), result("first"))
    assert ends(events) == []
    assert "steer_goes_on" in codes(events)
    assert not driver.session.resting
    (end,) = ends(driver.take(life("started"), init(TELLS), result("second"), life("completed")))
    assert end["text"] == "second"
    assert end["usage"] == {"inputTokens": 20, "outputTokens": 10}
    assert end["durationMs"] == 14
    assert driver.session.resting


def test_one_that_is_still_on_its_way_holds_the_end_back_as_well() -> None:
    driver = begun()
    driver.note(driver.session.steer("and this"))
    assert ends(driver.take(result("first"))) == []
    (end,) = ends(driver.take(life("queued"), life("started"), init(TELLS), result("second")))
    assert end["text"] == "second"


def test_what_the_cli_drops_is_told_and_holds_nothing_back() -> None:
    driver = begun()
    driver.note(driver.session.steer("and this"))
    assert "steer_dropped" in codes(driver.take(life("queued"), life("cancelled")))
    assert len(ends(driver.take(result("first")))) == 1


@pytest.mark.parametrize("capabilities", [None, [], ["msg_lifecycle_v1"]])
def test_a_claude_that_would_not_tell_gets_none(capabilities: list[str] | None) -> None:
    driver = begun(capabilities)
    assert driver.session.steer("and this") is None


def test_there_is_nothing_to_steer_between_two_turns() -> None:
    driver = begun()
    driver.take(result("done"))
    assert driver.session.steer("late") is None


def test_an_interrupt_takes_back_what_is_to_be_taken_in() -> None:
    driver = begun()
    driver.note(driver.session.steer("and this"))
    driver.take(life("queued"))
    driver.note(driver.session.interrupt())
    assert driver.sent[-1]["request"] == {"subtype": "interrupt", "cancel_queued": True}
    assert driver.session.steer("more") is None
    broken = {**result(""), "subtype": "error_during_execution", "is_error": True}
    (end,) = ends(driver.take(life("cancelled"), broken))
    assert end["code"] == "interrupted"


def test_a_process_that_dies_between_two_turns_fails_the_run() -> None:
    driver = begun()
    driver.note(driver.session.steer("and this"))
    driver.take(result("first"))
    (end,) = ends(driver.end(1))
    assert not end["ok"]


def droid() -> Driver:
    driver = Driver("factory-droid", Form.WARM)
    opened = {"sessionId": "s-1", "settings": {}}
    driver.take({"jsonrpc": "2.0", "type": "response", "id": "1", "result": opened})
    driver.prompt("begin")
    return driver


def note(type_: str, **fields: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "type": "notification",
        "method": "droid.session_notification",
        "params": {"notification": {"type": type_, **fields}},
    }


def said(text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return note("create_message", message={"id": text, "role": "assistant", "content": content})


def test_droid_takes_one_in_when_it_shows_it() -> None:
    driver = droid()
    driver.note(driver.session.steer("and this"))
    asked = driver.sent[-1]
    assert asked["params"] == {"text": "and this", "queuePlacement": "end_of_turn"}
    over = note("agent_turn_completed", reason="completed")
    assert ends(driver.take(said("first"), over)) == []
    content = [{"type": "text", "text": "and this"}]
    message = {"id": "m", "role": "user", "content": content}
    shown = note("create_message", message=message, requestId=asked["id"])
    assert "steer_taken" in codes(driver.take(shown))
    (end,) = ends(driver.take(said("second"), over))
    assert (end["ok"], end["text"], end.get("unsolicited", False)) == (True, "second", False)


def test_droid_may_refuse_one_and_the_turn_goes_on() -> None:
    driver = droid()
    driver.note(driver.session.steer("and this"))
    error = {"code": -32602, "message": "not now"}
    refused = {"jsonrpc": "2.0", "type": "response", "id": driver.sent[-1]["id"], "error": error}
    events = driver.take(refused)
    assert codes(events) == ["steer_dropped"]
    over = note("agent_turn_completed", reason="completed")
    assert len(ends(driver.take(said("first"), over))) == 1


@pytest.mark.parametrize(
    ("type_", "form"),
    [
        ("claude-code", Form.TERMINAL),
        ("gemini", Form.ONE_SHOT),
        ("factory-droid", Form.ONE_SHOT),
        ("factory-droid", Form.TERMINAL),
    ],
)
def test_the_others_take_none(type_: str, form: Form) -> None:
    driver = Driver(type_, form)
    driver.prompt("begin")
    assert driver.session.steer("and this") is None


def test_costs_and_tokens_that_nobody_told_stay_unknown() -> None:
    steering = Steering()
    steering.add("a")
    steering.ended(TurnCompleted(ok=True, text="first", usage=Usage(input_tokens=1)))
    steering.taken("a")
    whole = steering.ended(TurnCompleted(ok=True, usage=Usage(output_tokens=2), cost_usd=0.5))
    assert isinstance(whole, TurnCompleted)
    assert whole.text == "first"
    assert whole.usage == Usage(input_tokens=1, output_tokens=2)
    assert (whole.cost_usd, whole.duration_ms) == (0.5, None)
