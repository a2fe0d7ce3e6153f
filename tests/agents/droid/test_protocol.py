"""Factory Droid's two protocols, and both dialects of its stream-json."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.agents.droid.rpc_schema import NOTIFICATIONS
from agent_runner.errors import BadRequestError
from tests.agents.sessions import Driver

INIT = {"type": "system", "subtype": "init", "session_id": "s-1", "model": "m", "tools": []}


def droid(*lines: dict[str, Any]) -> tuple[Driver, list[dict[str, Any]]]:
    driver = Driver("factory-droid", Form.ONE_SHOT)
    driver.prompt()
    return driver, driver.take(INIT, *lines)


def call(name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": "t", "toolName": name, "parameters": given}


def test_a_good_run() -> None:
    driver, events = droid(
        {"type": "message", "role": "user", "text": "hello", "id": "u"},
        {"type": "reasoning", "text": "hm", "id": "r"},
        {"type": "message", "role": "assistant", "text": "Hi", "id": "a"},
        call("Create", file_path="/a", content="x"),
        {"type": "tool_result", "id": "t", "isError": False, "value": "made"},
        {"type": "completion", "finalText": "Hi", "numTurns": 2, "durationMs": 10,
         "session_id": "s-1", "usage": {"input_tokens": 4, "thinking_tokens": 1, "ttft_ms": 1.5}},
    )  # fmt: skip
    assert driver.session.close_after_prompt
    assert [event["type"] for event in events] == [
        "session.started", "activity", "reasoning.completed", "message.completed", "tool.started",
        "tool.completed", "file.changed", "usage", "turn.completed",
    ]  # fmt: skip
    assert events[-1]["usage"] == {"inputTokens": 4, "reasoningTokens": 1}
    assert driver.end(0) == []
    assert not driver.session.drift


def test_the_claude_like_dialect() -> None:
    def blocks(type_: str, *content: dict[str, Any]) -> dict[str, Any]:
        return {"type": type_, "message": {"id": "m1", "content": list(content)}}

    _, events = droid(
        blocks("assistant", {"type": "text", "text": "Hi"}),
        blocks("assistant", {"type": "tool_use", "id": "t", "name": "Read", "input": {"a": 1}}),
        blocks("user", {"type": "tool_result", "tool_use_id": "t", "content": "x"}),
        {"type": "result", "subtype": "success", "is_error": False, "result": "Hi"},
    )
    assert [event["type"] for event in events[1:]] == [
        "message.completed", "tool.started", "tool.completed", "turn.completed",
    ]  # fmt: skip
    driver, events = droid(
        {"type": "result", "subtype": "failure", "is_error": True, "result": "no"}
    )
    assert driver.end(1)[-1]["error"] == "no"


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (['401 {"error":{"message":"bad key","type":"x"}}', "Exec failed"],
         "auth_required"),
        (["429 too many requests", "Exec failed"], "rate_limited"),
        (["Exec ended early: insufficient permission to proceed."], "permission_denied"),
        (["Exec failed"], "api_error"),
    ],
)  # fmt: skip
def test_a_failed_run_is_told_by_its_errors(texts: list[str], code: str) -> None:
    driver, events = droid(*({"type": "error", "source": "cli", "message": t} for t in texts))
    assert [event["type"] for event in events[1:]] == ["notice"] * len(texts)
    assert driver.end(1)[-1]["code"] == code


def test_ends_without_a_word() -> None:
    assert droid()[0].end(0)[-1]["code"] == "no_result"
    driver = Driver("factory-droid", Form.ONE_SHOT, resume="s-1")
    driver.prompt()
    assert driver.end(1)[-1]["code"] == "session_not_found"
    driver = Driver("factory-droid", Form.ONE_SHOT)
    driver.prompt()
    assert driver.end(1, "error: unknown option '--nope'")[-1]["code"] == "cli_usage"


@pytest.mark.parametrize(
    ("name", "given", "changes"),
    [
        ("Create", {"file_path": "/a"}, [("/a", "created")]),
        ("Edit", {"file_path": "/a"}, [("/a", "modified")]),
        ("ApplyPatch", {"patch": "*** Add File: a\n+x\n*** Delete File: b\n"},
         [("a", "created"), ("b", "deleted")]),
        ("Execute", {"command": "touch a"}, []),
    ],
)  # fmt: skip
def test_files_changed(name: str, given: dict[str, Any], changes: list[tuple[str, str]]) -> None:
    for error, expected in ((False, changes), (True, [])):
        _, events = droid(call(name, **given), {"type": "tool_result", "id": "t", "isError": error})
        found = [(e["path"], e["change"]) for e in events if e["type"] == "file.changed"]
        assert found == expected


# --- JSON-RPC --------------------------------------------------------------------------------


def note(kind: str, **fields: Any) -> dict[str, Any]:
    params = {"notification": {"type": kind, **fields}}
    return {"jsonrpc": "2.0", "type": "notification", "method": "droid.session_notification",
            "params": params}  # fmt: skip


def answer(own: str, result: Any = None, error: Any = None) -> dict[str, Any]:
    body = {"error": error} if error else {"result": result}
    return {"jsonrpc": "2.0", "type": "response", "id": own, **body}


def request(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "type": "request", "id": "q", "method": method, "params": params}


def rpc(**options: Any) -> Driver:
    driver = Driver("factory-droid", Form.WARM, **options)
    driver.prompt()
    driver.take(answer("1", {"sessionId": "s-1", "settings": {"modelId": "m"}}))
    return driver


USE = {"type": "tool_use", "id": "t", "name": "Create", "input": {"file_path": "/a"}}
ASK = request(
    "droid.request_permission",
    toolUses=[{"toolUse": USE, "confirmationType": "create"}],
    options=[{"label": "Yes", "value": "proceed_once"}, {"label": "No", "value": "cancel"},
             {"label": "Always", "value": "proceed_always"}],
)  # fmt: skip


def test_the_session_is_configured_over_the_protocol() -> None:
    driver = rpc(
        model="m", permission_mode="low", allowed_tools=["Read"], denied_tools=["LS"],
        system_prompt="x", mcp_servers={"a": {"command": "srv"}, "b": {"url": "http://h/"}},
    )  # fmt: skip
    assert driver.sent[0]["factoryApiVersion"] == "1.0.0"
    assert driver.sent[0]["params"] == {
        "machineId": "agent-runner", "cwd": "/work", "modelId": "m", "autonomyLevel": "low",
        "restrictToolIds": ["Read"], "disabledToolIds": ["LS"],
        "systemPrompt": {"type": "preset", "preset": "droid", "append": "x"},
        "mcpServers": [
            {"name": "a", "command": "srv", "args": [], "env": {}},
            {"type": "http", "name": "b", "url": "http://h/", "headers": []},
        ],
    }  # fmt: skip
    assert driver.sent[-1]["method"] == "droid.add_user_message"
    assert driver.sent[-1]["params"] == {"text": "hello"}


def test_a_resumed_session_gets_its_settings_afterwards() -> None:
    driver = Driver("factory-droid", Form.WARM, resume="s-1", permission_mode="unsafe", model="m")
    driver.prompt()
    assert driver.sent[-1]["method"] == "droid.load_session"
    driver.take(answer("1", {"session": {}}))
    assert driver.sent[-1]["params"] == {"modelId": "m"}
    driver.take(answer("2", {}))
    assert driver.sent[-1]["method"] == "droid.add_user_message"


@pytest.mark.parametrize("name", sorted(schema.name for schema in NOTIFICATIONS.schemas()))
def test_every_notification_has_an_event(name: str) -> None:
    fields = {
        "textDelta": "x", "message": {"role": "assistant", "content": [{"type": "text"}]},
        "toolUse": USE, "toolUseId": "t", "phase": "queued", "newState": "idle",
        "reason": "completed",
    }  # fmt: skip
    kind = name.rpartition("/")[2]
    if kind == "error":
        fields = {}
    events = rpc().take(note(kind, **fields))
    assert events
    assert not {event["type"] for event in events} & {"unknown", "parse_error"}


def test_a_tool_starts_once_with_its_whole_input() -> None:
    driver = rpc()
    events = driver.take(
        note("tool_call", toolUse={**USE, "input": {}}),
        note("tool_execution_phase_changed", toolUseId="t", phase="streaming_input"),
        note("tool_call", toolUse=USE),
        note("tool_execution_phase_changed", toolUseId="t", phase="queued"),
        note("create_message", message={"id": "m", "role": "assistant", "content": [USE]}),
        note("tool_result", toolUseId="t", content="ok", isError=False),
        note("tool_result", toolUseId="t", content="ok", isError=False),
    )
    kept = [event for event in events if event["type"] != "activity"]
    assert [event["type"] for event in kept] == ["tool.started", "tool.completed", "file.changed"]
    assert kept[0]["input"] == {"file_path": "/a"}


def test_text_pieces_and_whole_messages_share_items() -> None:
    driver = rpc()
    events = driver.take(
        note("thinking_text_delta", messageId="m", blockIndex=0, textDelta="hm"),
        note("assistant_text_delta", messageId="m", blockIndex=1, textDelta="Hi"),
        note("create_message", message={"id": "m", "role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}]}),
        note("agent_turn_completed", reason="completed", tokenUsage={"inputTokens": 3}),
    )  # fmt: skip
    assert [(e["type"], e.get("itemId")) for e in events] == [
        ("reasoning.delta", "m:0"), ("message.delta", "m:1"), ("reasoning.completed", "m:0"),
        ("message.completed", "m:1"), ("usage", None), ("turn.completed", None),
    ]  # fmt: skip
    assert (events[-1]["ok"], events[-1]["text"]) == (True, "Hi")


def test_text_of_an_interrupted_turn_is_completed() -> None:
    driver = rpc()
    driver.take(note("assistant_text_delta", messageId="m", blockIndex=0, textDelta="Hi"))
    driver.note(driver.session.interrupt())
    assert driver.sent[-1]["method"] == "droid.interrupt_session"
    events = driver.take(note("agent_turn_completed", reason="cancelled"))
    assert [event["type"] for event in events] == ["message.completed", "turn.completed"]
    assert events[-1]["code"] == "interrupted"


def test_pieces_are_kept_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_runner.agents.droid.notes.MAX_PIECES", 10)

    def piece(message: str) -> dict[str, Any]:
        return note("assistant_text_delta", messageId=message, blockIndex=0, textDelta="12345")

    def whole(message: str) -> dict[str, Any]:
        content = [{"type": "text", "text": "whole"}]
        body = {"id": message, "role": "assistant", "content": content}
        return note("create_message", message=body)

    driver = rpc()
    driver.prompt()
    driver.take(*(piece("a") for _ in range(5)), whole("a"), *(piece("b") for _ in range(5)))
    events = driver.take(note("agent_turn_completed", reason="cancelled"))
    assert [e["text"] for e in events if e["type"] == "message.completed"] == ["1234512345"]


@pytest.mark.parametrize(
    ("reason", "text", "code"),
    [
        ("model_authentication_failed", "401", "auth_required"),
        ("model_rate_limited", "429", "rate_limited"),
        ("model_request_rejected", "prompt is too long", "context_too_long"),
        ("model_request_rejected", "bad", "invalid_request"),
        ("model_provider_unavailable", "x", "overloaded"),
        ("permission_rejected", "x", "permission_denied"),
        ("error", "x", "api_error"),
        ("reason_of_next_year", "x", "api_error"),
    ],
)
def test_reasons(reason: str, text: str, code: str) -> None:
    events = rpc().take(note("error", message=text), note("agent_turn_completed", reason=reason))
    assert (events[-1]["code"], events[-1]["error"]) == (code, text)


def test_a_denied_question_ends_the_turn_as_denied() -> None:
    driver = rpc()
    events = driver.take(ASK)
    assert [event["type"] for event in events] == ["tool.started", "permission.requested"]
    assert [o["kind"] for o in events[1]["options"]] == [
        "allow_once",
        "reject_once",
        "allow_always",
    ]
    with pytest.raises(BadRequestError):
        driver.session.answer("q", PermissionAnswer(allow=True, updated_input={}))
    driver.note(driver.session.answer("q", PermissionAnswer(allow=False, message="why")))
    assert driver.sent[-1]["result"] == {"selectedOption": "cancel", "comment": "why"}
    assert driver.sent[-1]["type"] == "response"
    events = driver.take(
        note("tool_result", toolUseId="t", content="no", isError=True),
        note("agent_turn_completed", reason="completed"),
    )
    assert events[0]["status"] == "denied"
    assert events[-1]["code"] == "permission_denied"


def test_an_allowed_question() -> None:
    driver = rpc()
    driver.take(ASK)
    driver.note(driver.session.answer("q", PermissionAnswer(allow=True)))
    assert driver.sent[-1]["result"] == {"selectedOption": "proceed_once"}
    assert driver.take(note("agent_turn_completed", reason="completed"))[-1]["ok"]


def test_a_question_to_the_user() -> None:
    driver = rpc()
    ask = request("droid.ask_user", toolCallId="t", questions=[{"index": 0, "question": "?"}])
    assert driver.take(ask)[0]["name"] == "AskUser"
    given = [{"index": 0, "question": "?", "answer": "!"}]
    driver.note(driver.session.answer("q", PermissionAnswer(allow=True, answers={"?": "!"})))
    assert driver.sent[-1]["result"] == {"answers": given}
    driver.take(ask)
    driver.note(driver.session.answer("q", PermissionAnswer(allow=False)))
    assert driver.sent[-1]["result"] == {"answers": [], "cancelled": True}


def test_foreign_requests_are_refused() -> None:
    driver = rpc()
    driver.take(request("droid.new_question"))
    assert driver.sent[-1]["error"]["code"] == -32601


def test_a_session_that_cannot_be_opened() -> None:
    driver = Driver("factory-droid", Form.WARM, resume="s-1")
    driver.prompt()
    events = driver.take(answer("1", error={"code": -32004, "message": "Session not found"}))
    assert events[-1]["code"] == "session_not_found"
    driver.prompt()
    assert driver.sent[-1]["method"] == "droid.load_session"
