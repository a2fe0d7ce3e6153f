"""Gemini CLI's own UI: a turn that somebody at the terminal ends."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import Form
from tests.agents.sessions import Driver

# As recorded in 0.61.0/terminal-interrupt-text.
CANCELLED = {"type": "line", "line": {"type": "info", "content": "Request cancelled."}}


def hook(name: str, **event: Any) -> dict[str, Any]:
    return {"type": "hook", "id": 1, "event": {"hook_event_name": name, **event}}


def said(text: str) -> dict[str, Any]:
    return {"type": "line", "line": {"type": "gemini", "id": text, "content": text}}


def submitted(driver: Driver, number: int) -> None:
    driver.prompt()
    driver.take(hook("BeforeAgent"))
    driver.take({"type": "delivered", "id": number, "by": "hook", "attempts": 1})


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
