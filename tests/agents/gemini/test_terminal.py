"""Gemini CLI's own UI: what somebody at the terminal does, and which dialog is for which call."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import Form, PermissionAnswer
from tests.agents.sessions import Driver, delivered, hook

# As recorded in 0.61.0/terminal-interrupt-text.
CANCELLED = {"type": "line", "line": {"type": "info", "content": "Request cancelled."}}


def said(text: str) -> dict[str, Any]:
    return {"type": "line", "line": {"type": "gemini", "id": text, "content": text}}


def submitted(driver: Driver, number: int) -> None:
    driver.prompt()
    driver.take(hook("BeforeAgent"))
    driver.take(delivered(number))


@pytest.mark.parametrize("text", ["", "Half of an answer"])
def test_it_is_interrupted_and_no_success(text: str) -> None:
    driver = Driver("gemini", Form.TERMINAL)
    for number in (1, 2):
        submitted(driver, number)
        driver.take(*([said(text)] if text else []), CANCELLED)
        assert driver.take(hook("AfterAgent", prompt_response=text))[-1]["type"] == "activity"
        verdict = driver.take({"type": "settled"})[-1]
        assert (verdict["ok"], verdict["code"]) == (False, "interrupted")
    submitted(driver, 3)
    driver.take(said("Yes."))
    verdict = driver.take(hook("AfterAgent", prompt_response="Yes."))[-1]
    assert (verdict["ok"], verdict["text"]) == (True, "Yes.")


def asks(**details: Any) -> dict[str, Any]:
    return hook("Notification", notification_type="ToolPermission", details=details)


def called(name: str, **given: Any) -> dict[str, Any]:
    return hook("BeforeTool", tool_name=name, tool_input=given)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)], ids=str)
def test_a_question_goes_with_its_own_call(order: tuple[int, int]) -> None:
    """They come in any order, whatever the order of the calls."""
    driver = Driver("gemini", Form.TERMINAL)
    submitted(driver, 1)
    commands = {number: f"touch {number}.txt" for number in (1, 2)}
    driver.take(*(called("run_shell_command", command=text) for text in commands.values()))
    for number in order:
        (asked,) = driver.take(asks(type="exec", command=commands[number]))
        assert asked["input"] == {"command": commands[number]}
        assert asked["toolCallId"] == f"call-{number}"
        driver.note(driver.session.answer(asked["requestId"], PermissionAnswer(allow=True)))
        assert driver.sent[-1]["shows"] == [commands[number]]


def test_a_question_about_a_file_goes_with_its_own_edit() -> None:
    driver = Driver("gemini", Form.TERMINAL)
    submitted(driver, 1)
    path = "/work/out.txt"
    driver.take(
        called("replace", file_path=path, new_string="first"),
        called("replace", file_path="out.txt", new_string="second"),
    )
    diff = (
        "--- out.txt\tCurrent\n+++ out.txt\tProposed\n@@ -1,2 +1,2 @@\n-old\n+the second\n same\n"
    )
    edit = {"fileName": "out.txt", "filePath": path, "fileDiff": diff, "newContent": "the second"}
    (asked,) = driver.take(asks(type="edit", **edit))
    assert asked["toolCallId"] == "call-2"
    driver.note(driver.session.answer(asked["requestId"], PermissionAnswer(allow=True)))
    assert driver.sent[-1]["shows"] == ["out.txt", "the second"]


def test_a_question_about_no_known_call_is_shown_as_the_cli_tells_it() -> None:
    driver = Driver("gemini", Form.TERMINAL)
    submitted(driver, 1)
    driver.take(called("run_shell_command", command="ls"))
    (asked,) = driver.take(asks(type="exec", command="rm -r /"))
    assert (asked["input"]["command"], asked.get("toolCallId")) == ("rm -r /", None)


def test_what_is_answered_at_the_terminal_is_asked_no_more() -> None:
    driver = Driver("gemini", Form.TERMINAL)
    submitted(driver, 1)
    driver.take(called("run_shell_command", command="ls"))
    (asked,) = driver.take(asks(type="exec", command="ls"))
    call = {"name": "run_shell_command", "args": {"command": "ls"}, "status": "success"}
    line = {"type": "gemini", "id": "m", "content": "", "toolCalls": [{"id": "c", **call}]}
    resolved, done = driver.take({"type": "line", "line": line})
    assert (resolved["requestId"], resolved["decision"]) == (asked["requestId"], "cancelled")
    assert done["status"] == "completed"
