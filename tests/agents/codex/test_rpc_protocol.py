"""Codex's app-server, by messages that are made up: what the recordings do not show."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.errors import BadRequestError
from tests.agents.sessions import Driver

THREAD = {
    "thread": {"id": "t-1"},
    "model": "m",
    "approvalPolicy": "on-request",
    "sandbox": {"type": "readOnly"},
}


def opened(**options: Any) -> Driver:
    driver = Driver("codex", Form.WARM, **options)
    driver.take({"id": 1, "result": {"userAgent": "agent-runner/9.8.7 (x)"}})
    driver.take({"id": 2, "result": THREAD})
    return driver


def note(method: str, **params: Any) -> dict[str, Any]:
    return {"method": method, "params": {"threadId": "t-1", **params}}


def begun(turn: str = "u-1") -> Driver:
    driver = opened()
    driver.prompt("begin")
    driver.take(note("turn/started", turn={"id": turn}))
    return driver


def over(status: str = "completed", turn: str = "u-1", **more: Any) -> dict[str, Any]:
    return note("turn/completed", turn={"id": turn, "status": status, **more})


def said(text: str, item: str = "i") -> dict[str, Any]:
    return note(
        "item/completed", turnId="u-1", item={"type": "agentMessage", "id": item, "text": text}
    )


def command(status: str, call: str = "c", turn: str = "u-1") -> dict[str, Any]:
    method = "item/started" if status == "inProgress" else "item/completed"
    item = {"type": "commandExecution", "id": call, "command": "sh -c 'ls'", "status": status}
    return note(method, turnId=turn, item=item)


def ends(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == "turn.completed"]


def methods(driver: Driver) -> list[str]:
    return [str(one.get("method")) for one in driver.sent]


def test_the_handshake_comes_before_the_prompt_and_tells_the_version() -> None:
    driver = Driver("codex", Form.WARM)
    driver.prompt("early")
    driver.take({"id": 1, "result": {"userAgent": "agent-runner/9.8.7 (x)"}})
    (started,) = driver.take({"id": 2, "result": THREAD})
    assert (started["sessionId"], started["cliVersion"]) == ("t-1", "9.8.7")
    assert methods(driver) == ["initialize", "initialized", "thread/start", "turn/start"]
    assert all("jsonrpc" not in one for one in driver.sent)


def test_a_prompt_waits_for_the_turn_before_it() -> None:
    driver = begun()
    driver.prompt("second")
    assert methods(driver).count("turn/start") == 1
    (end,) = ends(driver.take(said("One."), over()))
    assert end["text"] == "One."
    assert methods(driver).count("turn/start") == 2


def test_an_interrupt_before_the_turn_has_an_id_follows_it() -> None:
    driver = opened()
    driver.prompt("begin")
    driver.note(driver.session.interrupt())
    assert "turn/interrupt" not in methods(driver)
    driver.take(note("turn/started", turn={"id": "u-1"}))
    assert driver.sent[-1]["params"] == {"threadId": "t-1", "turnId": "u-1"}
    (end,) = ends(driver.take(over("interrupted")))
    assert end["code"] == "interrupted"
    assert methods(driver)[-1] == "thread/backgroundTerminals/clean"


def test_a_command_outlives_its_turn_and_ends_behind_it() -> None:
    driver = begun()
    driver.take(command("inProgress"), said("It runs."), over())
    (task,) = driver.session.background
    assert (task.tool_call_id, task.title) == ("c", "ls")
    line = msgspec.json.encode(command("completed"))
    received = driver.session.receive(line)
    assert received.background_turn == 1
    assert driver.session.background == []


def test_a_process_that_dies_closes_its_commands_behind_the_turn() -> None:
    driver = begun()
    driver.take(command("inProgress"), said("It runs."), over())
    assert driver.session.finish_background().background_turn == 1
    assert driver.end(1) == []


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (PermissionAnswer(allow=True), "accept"),
        (PermissionAnswer(allow=True, session=True), "acceptForSession"),
        (PermissionAnswer(allow=True, option_id="acceptForSession"), "acceptForSession"),
        (PermissionAnswer(allow=False), "decline"),
        (PermissionAnswer(allow=False, interrupt=True), "cancel"),
        (PermissionAnswer(allow=False, option_id="cancel"), "cancel"),
        (PermissionAnswer(allow=False, option_id="accept"), "decline"),
    ],
)
def test_the_decisions(answer: PermissionAnswer, decision: str) -> None:
    driver = begun()
    asked = note("item/commandExecution/requestApproval", itemId="c", command="ls", cwd="/w")
    (question,) = driver.take({**asked, "id": 7})
    assert question["input"] == {"command": "ls", "cwd": "/w"}
    before = len(driver.sent)
    driver.note(driver.session.answer("7", answer))
    assert driver.sent[before] == {"id": 7, "result": {"decision": decision}}


def test_another_input_is_refused_and_the_question_stays() -> None:
    driver = begun()
    asked = note("item/commandExecution/requestApproval", itemId="c", command="ls")
    driver.take({**asked, "id": 7})
    with pytest.raises(BadRequestError):
        driver.session.answer("7", PermissionAnswer(allow=True, updated_input={"command": "rm"}))
    driver.session.answer("7", PermissionAnswer(allow=True))


def test_a_question_of_the_model_is_answered_by_its_text() -> None:
    driver = begun()
    listed = [{"id": "q", "question": "Which colour?", "options": [{"label": "Red"}]}]
    asked = note("item/tool/requestUserInput", itemId="c", questions=listed)
    (question,) = driver.take({**asked, "id": 7})
    assert question["kind"] == "question"
    answers: dict[str, str | list[str]] = {"Which colour?": "Red"}
    driver.note(driver.session.answer("7", PermissionAnswer(allow=True, answers=answers)))
    assert driver.sent[-1]["result"] == {"answers": {"q": {"answers": ["Red"]}}}


def test_an_mcp_server_that_wants_to_know_something_is_declined() -> None:
    driver = begun()
    asked = note("mcpServer/elicitation/request", serverName="s", mode="form", message="Your name?")
    (told,) = driver.take({**asked, "id": 7})
    assert told["code"] == "question_refused"
    assert driver.sent[-1]["result"]["action"] == "decline"


def test_a_request_that_nobody_knows_is_refused() -> None:
    driver = begun()
    driver.take({"method": "attestation/generate", "id": 7, "params": {}})
    assert driver.sent[-1]["error"]["code"] == -32601


def test_a_steered_prompt_is_taken_when_it_is_shown_and_dropped_with_the_turn() -> None:
    driver = begun()
    for words in ("one", "two"):
        driver.note(driver.session.steer(words))
    name = driver.sent[-2]["params"]["clientUserMessageId"]
    shown = {"type": "userMessage", "id": "x", "clientId": name}
    events = driver.take(note("item/started", turnId="u-1", item=shown), said("Heard."), over())
    assert [one["taken"] for one in events if one["type"] == "prompt.taken"] == [True, False]
    assert driver.session.steer("late") is None


def test_a_steered_prompt_may_be_refused() -> None:
    driver = begun()
    driver.note(driver.session.steer("one"))
    error = {"code": -32600, "message": "no active turn to steer"}
    (dropped,) = driver.take({"id": driver.sent[-1]["id"], "error": error})
    assert (dropped["taken"], dropped["reason"]) == (False, "no active turn to steer")


def test_other_settings_go_with_the_next_turn_and_back() -> None:
    driver = opened()
    changed = msgspec.structs.replace(driver.options, model="x", permission_mode="never")
    assert driver.session.reconfigure(changed) == b""
    driver.prompt("one")
    params = driver.sent[-1]["params"]
    assert (params["model"], params["approvalPolicy"]) == ("x", "never")
    assert params["sandboxPolicy"]["type"] == "workspaceWrite"
    driver.take(note("turn/started", turn={"id": "u-1"}), said("One."), over())
    driver.session.reconfigure(driver.options)
    driver.prompt("two")
    params = driver.sent[-1]["params"]
    assert (params["model"], params["approvalPolicy"]) == ("m", "on-request")
    assert params["sandboxPolicy"] == {"type": "readOnly"}


def test_a_default_that_a_start_has_covered_needs_another_process() -> None:
    driver = opened(model="x")
    assert driver.session.reconfigure(msgspec.structs.replace(driver.options, model=None)) is None


def test_what_a_helper_does_is_not_the_turns() -> None:
    driver = begun()
    other = {**said("Not mine."), "params": {**said("Not mine.")["params"], "threadId": "t-2"}}
    assert [event["code"] for event in driver.take(other)] == ["helper"]


@pytest.mark.parametrize(
    ("info", "code"),
    [
        ("contextWindowExceeded", "context_too_long"),
        ("usageLimitExceeded", "rate_limited"),
        ("unauthorized", "auth_required"),
        ({"httpConnectionFailed": {"httpStatusCode": 503}}, "overloaded"),
        ({"responseStreamDisconnected": {"httpStatusCode": None}}, "connection_failed"),
        ("other", "api_error"),
        (None, "api_error"),
    ],
)
def test_why_a_turn_failed(info: Any, code: str) -> None:
    error = {"message": "so it is", "codexErrorInfo": info}
    (end,) = ends(begun().take(over("failed", error=error)))
    assert (end["ok"], end["code"]) == (False, code)


def test_an_end_that_is_cut_ends_the_turn() -> None:
    line = '{"method":"turn/completed","params":{"threadId":"t-1","turn":{"id":"u-1","sta'
    events = begun().take(line)
    assert [event["type"] for event in events] == ["parse_error", "turn.completed"]
    assert not events[-1]["ok"]


def test_a_question_that_is_cut_is_refused() -> None:
    driver = begun()
    driver.take('{"method":"item/commandExecution/requestApproval","id":7,"params":{"command":"l')
    assert driver.sent[-1]["id"] == 7
    assert "error" in driver.sent[-1]
