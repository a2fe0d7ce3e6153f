"""Claude Code's own UI: when a turn is over, with a transcript that is written late."""

from __future__ import annotations

from typing import Any

from agent_runner.agents.base import Form, PermissionAnswer
from tests.agents.sessions import Driver, delivered, hook

DURATION = {"type": "line", "line": {"type": "system", "subtype": "turn_duration", "durationMs": 5}}


def said(text: str) -> dict[str, Any]:
    message = {"id": text, "role": "assistant", "content": [{"type": "text", "text": text}]}
    return {"type": "line", "line": {"type": "assistant", "message": message}}


def spoken(text: str, turn: int) -> dict[str, Any]:
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    return {"type": "line", "line": {"type": "user", "message": message, "promptId": f"p{turn}"}}


def submitted(driver: Driver, number: int) -> None:
    driver.prompt()
    driver.take(hook("UserPromptSubmit", prompt_id=f"p{number}"))
    driver.take(delivered(number))


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_over_when_it_is_idle_and_all_is_there() -> None:
    driver = Driver("claude-code", Form.TERMINAL)
    submitted(driver, 1)
    assert kinds(driver.take({"type": "idle"})) == ["activity"], "it has not ended yet"
    driver.take(hook("Stop", last_assistant_message="Yes."))
    assert kinds(driver.take({"type": "idle"})) == ["activity"], "the answer is not there"
    driver.take(said("Yes."))
    (verdict,) = driver.take({"type": "idle"})
    assert (verdict["ok"], verdict["text"]) == (True, "Yes.")
    assert kinds(driver.take(DURATION)) == ["activity"]


def test_the_end_of_the_turn_before_comes_late() -> None:
    driver = Driver("claude-code", Form.TERMINAL)
    submitted(driver, 1)
    driver.take(hook("Stop", last_assistant_message="Yes."), said("Yes."), {"type": "idle"})
    submitted(driver, 2)
    assert kinds(driver.take(DURATION)) == ["activity"]
    driver.take(hook("Stop", last_assistant_message="No."), said("No."))
    (verdict,) = driver.take(DURATION)
    assert (verdict["ok"], verdict["text"], verdict["durationMs"]) == (True, "No.", 5)


def test_lines_of_an_interrupted_turn_come_late() -> None:
    driver = Driver("claude-code", Form.TERMINAL)
    submitted(driver, 1)
    driver.take(spoken("the prompt", 1))
    driver.note(driver.session.interrupt() or b"")
    (verdict,) = driver.take({"type": "settled", "screen": ""})
    assert verdict["code"] == "interrupted"
    submitted(driver, 2)
    late = [spoken("[Request interrupted by user]", 1), DURATION]
    assert kinds(driver.take(*late)) == ["activity"] * 2
    driver.take(spoken("the prompt", 2), hook("Stop", last_assistant_message="No."), said("No."))
    (verdict,) = driver.take(DURATION)
    assert (verdict["ok"], verdict["text"]) == (True, "No.")


def test_an_interrupt_by_somebody_at_the_terminal() -> None:
    driver = Driver("claude-code", Form.TERMINAL)
    submitted(driver, 1)
    driver.take(spoken("the prompt", 1))
    *_, verdict = driver.take(spoken("[Request interrupted by user]", 1))
    assert verdict["code"] == "interrupted"


def test_a_ui_at_rest_ends_a_turn_that_waits_for_nothing() -> None:
    rested = {"type": "rested", "screen": "the box"}
    driver = Driver("claude-code", Form.TERMINAL)
    assert kinds(driver.take(rested)) == ["activity"], "there is no turn"
    driver.prompt()
    assert kinds(driver.take(rested)) == ["activity"], "it is not delivered"
    driver.take(delivered(1))
    (asked,) = driver.take(hook("PermissionRequest", tool_name="Bash", tool_input={}))
    assert kinds(driver.take(rested)) == ["activity"], "a question is open"
    driver.note(driver.session.answer(asked["requestId"], PermissionAnswer(allow=True)))
    told, verdict = driver.take(rested)
    assert (told["code"], verdict["code"]) == ("ui_at_rest", "interrupted")


def test_a_plan_is_agreed_to_with_its_input() -> None:
    driver = Driver("claude-code", Form.TERMINAL)
    submitted(driver, 1)
    (asked,) = driver.take(hook("PermissionRequest", tool_name="ExitPlanMode", tool_input={"a": 1}))
    assert asked["kind"] == "plan"
    driver.note(driver.session.answer(asked["requestId"], PermissionAnswer(allow=True)))
    decision = driver.sent[-1]["body"]["hookSpecificOutput"]["decision"]
    assert decision == {"behavior": "allow", "updatedInput": {"a": 1}}
