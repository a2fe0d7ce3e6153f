"""Factory Droid's own UI: tokens from the file beside the transcript, errors from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_runner.agents.base import AgentOptions, Form, PermissionAnswer
from agent_runner.agents.droid.terminal import DroidTerminal
from agent_runner.events.base import AgentEvent
from agent_runner.events.permission import PermissionRequested, PermissionResolved
from tests.agents.sessions import Driver, delivered, hook


def made() -> Driver:
    return Driver("factory-droid", Form.TERMINAL)


def submitted(driver: Driver, number: int = 1) -> None:
    driver.prompt()
    driver.take(hook("UserPromptSubmit", session_id="s", prompt="hello"))
    driver.take(delivered(number))


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
    assert driver.session.drift == {"settings.json.tokenUsage": 1}


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


def called(*calls: tuple[str, str]) -> list[dict[str, Any]]:
    """The line with the calls `(id, command)`, their hooks, and the notification."""
    blocks = [
        {"type": "tool_use", "id": call_id, "name": "Execute", "input": {"command": command}}
        for call_id, command in calls
    ]
    used = [
        hook("PreToolUse", tool_name="Execute", tool_input={"command": command})
        for _, command in calls
    ]
    return [
        line(type="message", id="m", message={"role": "assistant", "content": blocks}),
        *used,
        hook("Notification", notification_type="permission_prompt"),
    ]


def ended(*call_ids: str) -> dict[str, Any]:
    content = [
        {"type": "tool_result", "tool_use_id": call_id, "is_error": True, "content": "No."}
        for call_id in call_ids
    ]
    return line(type="message", id="r", message={"role": "user", "content": content})


def test_one_dialog_for_two_calls_names_both() -> None:
    driver = made()
    submitted(driver)
    *_, asked = driver.take(*called(("a", "one"), ("b", "two")))
    assert asked["input"] == {
        "toolUses": [
            {"name": "Execute", "input": {"command": "one"}},
            {"name": "Execute", "input": {"command": "two"}},
        ]
    }
    driver.note(driver.session.answer(asked["requestId"], PermissionAnswer(allow=False)))
    done = driver.take(ended("a", "b"))
    assert [event["status"] for event in done] == ["denied", "denied"]
    *_, asked = driver.take(*called(("c", "three")))
    assert (asked["input"], asked["toolCallId"]) == ({"command": "three"}, "c")


def test_what_is_answered_at_the_terminal_is_asked_no_more() -> None:
    driver = made()
    submitted(driver)
    *_, asked = driver.take(*called(("a", "one")))
    resolved, done = driver.take(ended("a"))
    assert (resolved["requestId"], resolved["decision"]) == (asked["requestId"], "cancelled")
    assert done["status"] == "failed"


def test_a_new_dialog_means_that_the_last_one_is_gone() -> None:
    def hook(**event: Any) -> list[AgentEvent]:
        line = {"type": "hook", "id": 1, "held": False, "event": event}
        return session.receive(json.dumps(line).encode()).events

    def asks(command: str) -> list[AgentEvent]:
        hook(hook_event_name="PreToolUse", tool_name="Execute", tool_input={"command": command})
        return hook(hook_event_name="Notification", notification_type="permission_prompt")

    session = DroidTerminal(AgentOptions(cwd="/"), Form.TERMINAL, None)
    session.prompt("x")
    delivered = {"type": "delivered", "id": 1, "by": "hook", "attempts": 1, "found": 0}
    session.receive(json.dumps({**delivered, "trimmed": False}).encode())
    (first,) = asks("ls")
    gone, second = asks("rm -rf data")
    assert isinstance(first, PermissionRequested)
    assert isinstance(second, PermissionRequested)
    assert isinstance(gone, PermissionResolved)
    assert (gone.request_id, gone.decision) == (first.request_id, "cancelled")
    with pytest.raises(KeyError):
        session.answer(first.request_id, PermissionAnswer(allow=True))
    assert b"Enter" in session.answer(second.request_id, PermissionAnswer(allow=True))
