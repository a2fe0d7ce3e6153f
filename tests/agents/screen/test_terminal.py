"""A UI that only shows: what its driver says, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.agents.screen.options import ScreenOptions
from tests.agents.sessions import Driver

DELIVERED = {"type": "delivered", "id": 1, "by": "screen", "attempts": 1, "screen": "> hello"}


def made(prompt: str | None = "hello") -> Driver:
    driver = Driver("custom", Form.TERMINAL, command=["x"], terminal=ScreenOptions())
    if prompt is not None:
        driver.prompt(prompt)
    return driver


def settled(screen: str, **more: Any) -> dict[str, Any]:
    return {"type": "settled", "screen": screen, **more}


def test_an_answer() -> None:
    driver = made()
    assert driver.sent == [{"do": "prompt", "id": 1, "text": "hello"}]
    driver.take({"type": "ready"})
    assert driver.take(settled("> "))[0]["type"] == "activity", "nothing was delivered yet"
    driver.take(DELIVERED, {"type": "changed"})
    message, notice, verdict = driver.take(settled("> hello\nhi\n> ", cut=True))
    assert (message["type"], message["text"]) == ("message.completed", "hi")
    assert (notice["code"], notice["level"], notice["data"]) == (
        "screen_read",
        "warning",
        {"cut": True},
    )
    assert (verdict["ok"], verdict["text"]) == (True, "hi")
    assert driver.take(settled("> "))[0]["type"] == "activity", "the turn is over"
    assert driver.session.drift == {}


def test_an_interrupt_keeps_what_was_said() -> None:
    driver = made()
    driver.take(DELIVERED)
    driver.note(driver.session.interrupt())
    assert driver.sent[-1] == {"do": "interrupt"}
    message, _, verdict = driver.take(settled("> hello\nhalf\n> "))
    assert message["text"] == "half"
    assert (verdict["ok"], verdict["code"]) == (False, "interrupted")


@pytest.mark.parametrize("delivering", [False, True])
def test_a_ui_that_never_waits(delivering: bool) -> None:
    driver = made()
    gone = {"id": 1, "message": "the UI does not wait for a prompt", "screen": "Choose:\n\n1. red"}
    if delivering:
        assert driver.take({"type": "undelivered", "reason": "not_ready", **gone}) == []
    (told,) = driver.take({"type": "not_ready", "screen": gone["screen"]})
    assert (told["code"], told["data"]) == ("ui_not_ready", {"screen": gone["screen"]})
    driver.take({"type": "exited", "what": "closed"})
    (verdict,) = driver.end(0)
    assert (verdict["ok"], verdict["code"]) == (False, "undelivered")
    assert verdict["error"].endswith("Choose:\n1. red")


def test_nothing_is_ever_asked() -> None:
    driver = made(None)
    assert driver.session.features == frozenset()
    with pytest.raises(KeyError):
        driver.session.answer("1", PermissionAnswer(allow=True))
    assert [event["type"] for event in driver.take({"type": "hook", "id": 1, "event": {}})] == [
        "activity"
    ]


def test_an_end_in_the_middle() -> None:
    driver = made()
    driver.take(DELIVERED)
    driver.take({"type": "exited", "what": "cli", "status": 3, "screen": "> hello\nhalf"})
    (verdict,) = driver.end(3)
    assert (verdict["ok"], verdict["code"]) == (False, "cli_error")
