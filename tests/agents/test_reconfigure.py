"""Another model or permission mode for a process that stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agent_runner.agents.base import Form
from tests.agents.sessions import Driver


def changed(driver: Driver, **options: Any) -> list[dict[str, Any]] | None:
    """The messages to the CLI; None if it has none for this."""
    before = len(driver.sent)
    data = driver.session.reconfigure(msgspec.structs.replace(driver.options, **options))
    driver.note(data)
    return None if data is None else driver.sent[before:]


def test_claude_is_told_by_control_requests_and_back() -> None:
    driver = Driver("claude-code", Form.WARM)
    sent = changed(driver, model="claude-haiku-4-5", permission_mode="plan")
    assert sent is not None
    assert [one["request"] for one in sent] == [
        {"subtype": "set_permission_mode", "mode": "plan"},
        {"subtype": "set_model", "model": "claude-haiku-4-5"},
    ]
    sent = changed(driver)
    assert sent is not None
    assert [one["request"] for one in sent] == [
        {"subtype": "set_permission_mode", "mode": "default"},
        {"subtype": "set_model"},
    ]
    assert changed(driver) == []


@pytest.mark.parametrize("mode", ["bypassPermissions", "auto", "dontAsk"])
def test_claude_enters_some_modes_at_its_start_only(mode: str) -> None:
    assert changed(Driver("claude-code", Form.WARM), permission_mode=mode) is None


def test_droid_is_told_by_its_settings() -> None:
    driver = Driver("factory-droid", Form.WARM, model="one")
    sent = changed(driver, model="two", permission_mode="medium")
    assert sent is not None
    assert [(one["method"], one["params"]) for one in sent] == [
        ("droid.update_session_settings", {"modelId": "two", "autonomyLevel": "medium"})
    ]


def test_droid_has_its_default_model_from_its_start() -> None:
    assert changed(Driver("factory-droid", Form.WARM, model="one"), model=None) is None


def test_droid_runs_all_unasked_from_its_start_or_not_at_all() -> None:
    assert changed(Driver("factory-droid", Form.WARM), permission_mode="unsafe") is None
    started = Driver("factory-droid", Form.WARM, permission_mode="unsafe")
    assert changed(started, permission_mode="low") is None


@pytest.mark.parametrize(
    ("type_", "form"), [("claude-code", Form.TERMINAL), ("gemini", Form.ONE_SHOT)]
)
def test_the_others_have_no_message_for_it(type_: str, form: Form) -> None:
    assert changed(Driver(type_, form), model="two") is None


def opened(**options: Any) -> Driver:
    """An ACP agent whose session has begun with the model `one` in the mode `build`."""
    driver = Driver("acp", Form.WARM, command=["agent"], **options)
    driver.take({"jsonrpc": "2.0", "id": 1, "result": {}})
    chosen = [
        {"category": "model", "currentValue": "one"},
        {"category": "mode", "currentValue": "build"},
    ]
    driver.take({"jsonrpc": "2.0", "id": 2, "result": {"sessionId": "s", "configOptions": chosen}})
    return driver


def settle(driver: Driver) -> list[dict[str, Any]]:
    """Agree to what was sent last; the events."""
    return driver.take({"jsonrpc": "2.0", "id": driver.sent[-1]["id"], "result": {}})


def test_an_acp_agent_is_told_one_by_one_and_back() -> None:
    driver = opened()
    sent = changed(driver, model="two", permission_mode="plan")
    assert sent is not None
    assert [(one["method"], one["params"]["modeId"]) for one in sent] == [
        ("session/set_mode", "plan")
    ]
    driver.prompt("waits")
    settle(driver)
    assert driver.sent[-1]["method"] == "session/set_model"
    assert driver.sent[-1]["params"]["modelId"] == "two"
    (_, started) = settle(driver)
    assert (started["model"], started["permissionMode"]) == ("two", "plan")
    assert driver.sent[-1]["params"]["prompt"][0]["text"] == "waits"
    driver.take({"jsonrpc": "2.0", "id": driver.sent[-1]["id"], "result": {"stopReason": "end"}})
    sent = changed(driver)
    assert sent is not None
    assert sent[0]["params"]["modeId"] == "build"
    settle(driver)
    assert driver.sent[-1]["params"]["modelId"] == "one"
    settle(driver)
    assert changed(driver) == []


def test_what_an_acp_agent_was_started_with_is_no_default() -> None:
    driver = opened(model="two")
    settle(driver)
    assert changed(driver, model=None) is None
    assert changed(opened(), model="two") is not None


def test_an_acp_agent_that_refuses_fails_that_prompt_alone() -> None:
    driver = opened()
    changed(driver, model="none")
    driver.prompt("fails")
    error = {"code": -32602, "message": "model not found"}
    events = driver.take({"jsonrpc": "2.0", "id": driver.sent[-1]["id"], "error": error})
    assert (events[-1]["code"], events[-1]["error"]) == ("cli_usage", "model not found")
    assert changed(driver) == []
    driver.prompt("goes on")
    assert driver.sent[-1]["params"]["prompt"][0]["text"] == "goes on"


def test_gemini_calls_its_modes_otherwise_over_acp() -> None:
    driver = Driver("gemini", Form.WARM)
    driver.take({"jsonrpc": "2.0", "id": 1, "result": {}})
    began = {"modes": {"currentModeId": "default"}, "models": {"currentModelId": "one"}}
    driver.take({"jsonrpc": "2.0", "id": 2, "result": {"sessionId": "s", **began}})
    sent = changed(driver, permission_mode="auto_edit")
    assert sent is not None
    assert [one["params"]["modeId"] for one in sent] == ["autoEdit"]


def test_a_session_that_begins_anew_is_told_all_of_it_again() -> None:
    """The mode was taken and the model refused: the next session has the mode too."""
    options: dict[str, Any] = {"command": ["agent"], "model": "none", "permission_mode": "plan"}
    driver = Driver("acp", Form.WARM, **options)
    driver.take({"jsonrpc": "2.0", "id": 1, "result": {}})
    driver.prompt("fails")
    for session in ("s-1", "s-2"):
        driver.take(
            {"jsonrpc": "2.0", "id": driver.sent[-1]["id"], "result": {"sessionId": session}}
        )
        told = driver.sent[-1]
        assert (told["method"], told["params"]["sessionId"]) == ("session/set_mode", session)
        settle(driver)
        assert driver.sent[-1]["method"] == "session/set_model"
        error = {"code": -32602, "message": "model not found"}
        driver.take({"jsonrpc": "2.0", "id": driver.sent[-1]["id"], "error": error})
        driver.prompt("again")
