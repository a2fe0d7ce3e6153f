"""The Agent Client Protocol: handshake, turns, questions, history, and trouble on the way."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.acp.schema import UPDATES
from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.errors import BadRequestError
from tests.agents.sessions import Driver


def answer(own: int, result: Any = None, error: Any = None) -> dict[str, Any]:
    body = {"error": error} if error else {"result": result}
    return {"jsonrpc": "2.0", "id": own, **body}


def update(kind_: str, **fields: Any) -> dict[str, Any]:
    params = {"sessionId": "s-1", "update": {"sessionUpdate": kind_, **fields}}
    return {"jsonrpc": "2.0", "method": "session/update", "params": params}


def chunk(text: str, kind: str = "agent_message_chunk") -> dict[str, Any]:
    return update(kind, content={"type": "text", "text": text})


def started(resume: str | None = None, **options: Any) -> Driver:
    driver = Driver("gemini", Form.WARM, resume=resume, **options)
    driver.take(answer(1, {"agentCapabilities": {"loadSession": True},
                           "agentInfo": {"version": "0.61.0"}}))  # fmt: skip
    return driver


def ready() -> Driver:
    driver = started()
    driver.take(answer(2, {"sessionId": "s-1"}))
    driver.prompt()
    return driver


ASK = {
    "jsonrpc": "2.0", "id": 0, "method": "session/request_permission",
    "params": {
        "sessionId": "s-1",
        "toolCall": {"toolCallId": "run_shell_command-17-0", "title": "touch x", "kind": "execute"},
        "options": [{"optionId": "always", "name": "Always", "kind": "allow_always"},
                    {"optionId": "once", "name": "Once", "kind": "allow_once"},
                    {"optionId": "no", "name": "No", "kind": "reject_once"}],
    },
}  # fmt: skip


def test_a_prompt_waits_for_the_handshake() -> None:
    driver = Driver("gemini", Form.WARM, mcp_servers={"m": {"command": "srv", "env": {"A": "b"}}})
    driver.prompt("early")
    assert [sent["method"] for sent in driver.sent] == ["initialize"]
    assert driver.sent[0]["params"]["clientCapabilities"] == {
        "fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False,
    }  # fmt: skip
    driver.take(answer(1, {}))
    assert driver.sent[-1]["params"] == {
        "cwd": "/work",
        "mcpServers": [
            {"name": "m", "command": "srv", "args": [], "env": [{"name": "A", "value": "b"}]}
        ],
    }
    events = driver.take(answer(2, {"sessionId": "s-1", "models": {"currentModelId": "flash"}}))
    assert (events[-1]["type"], events[-1]["model"]) == ("session.started", "flash")
    assert driver.sent[-1]["params"] == {
        "sessionId": "s-1", "prompt": [{"type": "text", "text": "early"}],
    }  # fmt: skip


def test_text_is_joined_into_items() -> None:
    driver = ready()
    quota = {"quota": {"token_count": {"input_tokens": 5, "output_tokens": 2},
                       "model_usage": [{"model": "flash"}]}}  # fmt: skip
    events = driver.take(
        chunk("hm", "agent_thought_chunk"),
        chunk("Hel"),
        chunk("lo"),
        update("tool_call", toolCallId="t", title="ls", kind="execute", status="in_progress"),
        update("tool_call_update", toolCallId="t", status="completed",
               content=[{"type": "content", "content": {"type": "text", "text": "out"}}]),
        chunk("Bye"),
        answer(3, {"stopReason": "end_turn", "_meta": quota}),
    )  # fmt: skip
    assert [event["type"] for event in events] == [
        "reasoning.delta", "reasoning.completed", "message.delta", "message.delta",
        "message.completed", "tool.started", "tool.completed", "message.delta", "usage",
        "message.completed", "turn.completed",
    ]  # fmt: skip
    assert events[4]["text"] == "Hello"
    assert events[6]["output"] == "out"
    assert (events[-1]["ok"], events[-1]["text"]) == (True, "Bye")
    assert events[-1]["usage"] == {"inputTokens": 5, "outputTokens": 2}


def test_an_endless_text_becomes_several_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_runner.agents.text_items.MAX_ITEM", 10)
    driver = ready()
    driver.prompt()
    events = driver.take(*(chunk("12345") for _ in range(5)))
    whole = [(e["itemId"], e["text"]) for e in events if e["type"] == "message.completed"]
    assert whole == [("m1", "1234512345"), ("m2", "1234512345")]
    assert [e["itemId"] for e in events if e["type"] == "message.delta"] == [
        "m1", "m1", "m2", "m2", "m3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        ({"content": [{"type": "diff", "path": "/a", "oldText": None, "newText": "x"}]},
         [("/a", "created")]),
        ({"content": [{"type": "diff", "path": "/a", "oldText": "y", "newText": "x"}]},
         [("/a", "modified")]),
        ({"kind": "delete", "locations": [{"path": "/a"}]}, [("/a", "deleted")]),
        ({"kind": "edit", "locations": [{"path": "/a"}, {"path": "/b"}]},
         [("/a", "unknown"), ("/b", "unknown")]),
        ({"kind": "read", "locations": [{"path": "/a"}]}, []),
    ],
)  # fmt: skip
def test_files_changed(given: dict[str, Any], changes: list[tuple[str, str]]) -> None:
    for status, expected in (("completed", changes), ("failed", [])):
        events = ready().take(update("tool_call_update", toolCallId="t", status=status, **given))
        found = [(e["path"], e["change"]) for e in events if e["type"] == "file.changed"]
        assert found == expected


@pytest.mark.parametrize("name", sorted(schema.name for schema in UPDATES.schemas()))
def test_every_update_has_an_event(name: str) -> None:
    fields = {"content": {"type": "text", "text": "x"}} if "chunk" in name else {"toolCallId": "t"}
    if "tool" not in name and "chunk" not in name:
        fields = {}
    events = ready().take(update(name.rpartition("/")[2], **fields))
    assert events
    assert not {event["type"] for event in events} & {"unknown", "parse_error"}


def test_a_question_and_its_answers() -> None:
    driver = ready()
    question = driver.take(ASK)[0]
    assert (question["requestId"], question["name"]) == ("0", "run_shell_command")
    driver.note(driver.session.answer("0", PermissionAnswer(allow=True)))
    assert driver.sent[-1] == {
        "jsonrpc": "2.0", "id": 0,
        "result": {"outcome": {"outcome": "selected", "optionId": "once"}},
    }  # fmt: skip
    driver.take(ASK)
    with pytest.raises(BadRequestError):
        driver.session.answer("0", PermissionAnswer(allow=True, updated_input={}))
    driver.note(driver.session.answer("0", PermissionAnswer(allow=False)))
    assert driver.sent[-1]["result"]["outcome"]["optionId"] == "no"
    with pytest.raises(KeyError):
        driver.session.answer("0", PermissionAnswer(allow=True))


def test_an_interrupt_cancels_the_questions_too() -> None:
    driver = ready()
    driver.take(ASK)
    driver.note(driver.session.interrupt())
    assert driver.sent[-2]["result"] == {"outcome": {"outcome": "cancelled"}}
    assert driver.sent[-1]["method"] == "session/cancel"
    events = driver.take(answer(3, {"stopReason": "cancelled"}))
    assert [event["type"] for event in events] == ["permission.resolved", "turn.completed"]
    assert events[-1]["code"] == "interrupted"


@pytest.mark.parametrize(
    ("reason", "code"),
    [("max_turn_requests", "max_turns"), ("max_tokens", "max_output"), ("refusal", "refused")],
)
def test_stop_reasons(reason: str, code: str) -> None:
    assert ready().take(answer(3, {"stopReason": reason}))[-1]["code"] == code


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "auth_required"), (429, "rate_limited"), (503, "overloaded"), (-32000, "auth_required"),
     (-32603, "cli_error"), (-32602, "protocol_error"), (500, "api_error")],
)  # fmt: skip
def test_a_failed_prompt_leaves_the_session(status: int, code: str) -> None:
    driver = ready()
    message = '{"error":{"code":1,"message":"said so"}}'
    verdict = driver.take(answer(3, error={"code": status, "message": message}))[-1]
    assert (verdict["code"], verdict["error"]) == (code, "said so")
    driver.prompt("again")
    assert driver.sent[-1]["method"] == "session/prompt"


def test_foreign_requests_are_refused() -> None:
    driver = ready()
    driver.take({"jsonrpc": "2.0", "id": "x", "method": "fs/read_text_file", "params": {}})
    assert (driver.sent[-1]["id"], driver.sent[-1]["error"]["code"]) == ("x", -32601)
    event = driver.take({"jsonrpc": "2.0", "method": "new/thing", "params": {}})[0]
    assert (event["type"], event["sourceType"]) == ("unknown", "new/thing")


def test_a_failed_handshake_fails_the_prompts_and_is_tried_again() -> None:
    driver = started()
    driver.prompt()
    events = driver.take(answer(2, error={"code": -32000, "message": "Authentication required"}))
    assert [event["type"] for event in events] == ["notice", "turn.completed"]
    assert events[-1]["code"] == "auth_required"
    driver.prompt()
    assert driver.sent[-1]["method"] == "session/new"
    driver.take(answer(3, {"sessionId": "s-1"}))
    assert driver.sent[-1]["method"] == "session/prompt"


def test_history_makes_no_events_and_holds_the_prompt_back() -> None:
    driver = started(resume="s-1")
    driver.prompt()
    assert driver.sent[-1]["method"] == "session/load"
    events = driver.take(chunk("old"), answer(2, {}), chunk("old too"))
    assert {event["type"] for event in events} == {"activity"}
    refusal = {"code": -32601, "message": "no"}
    driver.take(answer(3, error=refusal))
    assert driver.sent[-1]["method"] == "_agent_runner/ping"
    events = driver.take(answer(4, error=refusal))
    assert events[-1]["type"] == "session.started"
    assert driver.sent[-1]["method"] == "session/prompt"
    assert driver.take(chunk("new"), answer(5, {"stopReason": "end_turn"}))[-1]["text"] == "new"


def test_a_session_that_cannot_be_loaded() -> None:
    driver = started(resume="s-1")
    driver.prompt()
    events = driver.take(answer(2, error={"code": -32603, "message": "Internal error"}))
    assert events[-1]["code"] == "session_not_found"
    other = Driver("gemini", Form.WARM, resume="s-1")
    other.prompt()
    assert other.take(answer(1, {}))[-1]["code"] == "session_not_found"


def test_a_custom_agent_gets_its_mode_and_model_over_the_protocol() -> None:
    driver = Driver(
        "custom", Form.WARM, command=["x"], dialect="acp", permission_mode="plan", model="m"
    )
    driver.prompt()
    driver.take(answer(1, {}), answer(2, {"sessionId": "s-1"}))
    assert driver.sent[-1]["params"] == {"sessionId": "s-1", "modeId": "plan"}
    driver.take(answer(3, {}))
    assert driver.sent[-1]["params"] == {"sessionId": "s-1", "modelId": "m"}
    events = driver.take(answer(4, error={"code": -32602, "message": "no such model"}))
    assert events[-1]["code"] == "cli_usage"


def test_stray_answers_and_a_bad_session_id() -> None:
    assert ready().take(answer(99, {}))[0]["code"] == "stray_answer"
    driver = started()
    driver.prompt()
    events = driver.take(answer(2, {"sessionId": "../x"}))
    assert events[0]["code"] == "bad_session_id"
    assert events[-1]["code"] == "protocol_error"
