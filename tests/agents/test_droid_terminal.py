"""Factory Droid's own UI: tokens from the file beside the transcript, errors from it."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import Form
from tests.agents.sessions import Driver


def made() -> Driver:
    return Driver("factory-droid", Form.TERMINAL)


def submitted(driver: Driver, number: int = 1) -> None:
    driver.prompt()
    event = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": "hello"}
    driver.take({"type": "hook", "id": number, "event": event})
    driver.take({"type": "delivered", "id": number, "by": "hook", "attempts": 1})


def used(tokens: int) -> dict[str, Any]:
    return {"type": "sidecar", "data": {"tokenUsage": {"inputTokens": tokens}}}


def line(**entry: Any) -> dict[str, Any]:
    return {"type": "line", "line": entry}


def outcome(reason: str) -> dict[str, Any]:
    return line(type="agent_turn_outcome", reason=reason)


def test_tokens_are_those_of_the_turn() -> None:
    driver = made()
    driver.take(used(100))
    submitted(driver)
    driver.take(used(120))
    *_, report, verdict = driver.take(outcome("completed"))
    assert report["usage"] == verdict["usage"] == {"inputTokens": 20}
    submitted(driver, 2)
    assert [event["type"] for event in driver.take(outcome("completed"))] == ["activity"]
    driver.take(used(127))
    *_, verdict = driver.take({"type": "settled", "screen": ""})
    assert verdict["usage"] == {"inputTokens": 7}
    submitted(driver, 3)
    driver.take(outcome("completed"))
    (verdict,) = driver.take({"type": "settled", "screen": ""})
    assert verdict.get("usage") is None, "the model tells none"


def test_a_file_that_is_not_understood() -> None:
    driver = made()
    driver.take({"type": "sidecar", "data": {"tokenUsage": "many"}})
    assert driver.session.drift == {"settings.json": 1}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("BYOK Error: Requested model was not found on the API provider", "model_not_found"),
        ("BYOK Error: 400 prompt is too long: 200001 tokens > 200000", "context_too_long"),
        ("BYOK Error: 400 bad words", "invalid_request"),
    ],
)
def test_why_a_request_was_rejected(text: str, code: str) -> None:
    driver = made()
    submitted(driver)
    content = [{"type": "text", "text": f"{text}\n\nIf this persists, see your settings."}]
    message = {"role": "user", "visibility": "user_only", "content": content}
    driver.take(line(type="message", id="m", message=message), outcome("model_request_rejected"))
    (verdict,) = driver.take({"type": "settled", "screen": "the end of a long line"})
    assert (verdict["ok"], verdict["code"], verdict["error"]) == (False, code, text)
