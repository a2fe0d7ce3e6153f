"""Claude Code's lines to events, and what is sent to it."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.agents.claude.schema import LINES
from agent_runner.agents.claude.system_schema import SYSTEM
from tests.agents.sessions import Driver

INIT = {"type": "system", "subtype": "init", "session_id": "s-1", "model": "m", "cwd": "/work"}


def claude(**options: Any) -> Driver:
    driver = Driver("claude-code", Form.ONE_SHOT, **options)
    driver.prompt()
    driver.take(INIT)
    return driver


def stream(event: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
    return {"type": "stream_event", "event": event, "parent_tool_use_id": parent}


def assistant(*blocks: dict[str, Any], own: str = "msg", **fields: Any) -> dict[str, Any]:
    message = {"id": own, "model": "m", "content": list(blocks)}
    return {"type": "assistant", "message": message, **fields}


def result(**fields: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": False, "result": "done", **fields}


def tool_use(name: str = "Bash", own: str = "t1", **given: Any) -> dict[str, Any]:
    return assistant({"type": "tool_use", "id": own, "name": name, "input": given})


def tool_result(text: str = "ok", *, error: bool = False, detail: Any = None) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": "t1", "content": text, "is_error": error}
    return {"type": "user", "message": {"content": [block]}, "tool_use_result": detail}


MINIMAL: dict[str, dict[str, Any]] = {
    "assistant": assistant({"type": "text", "text": "x"}),
    "user": {"message": {"content": "x"}},
    "result": {"subtype": "success"},
    "stream_event": {"event": {"type": "content_block_delta", "index": 0,
                               "delta": {"type": "text_delta", "text": "x"}}},
    "rate_limit_event": {"rate_limit_info": {"status": "allowed"}},
    "control_request": {"request_id": "q", "request": {"subtype": "hook_callback"}},
    "control_response": {"response": {"subtype": "success", "request_id": "r1"}},
    "control_cancel_request": {"request_id": "q"},
    "command_lifecycle": {"command_uuid": "u", "state": "queued"},
    "tool_progress": {"tool_use_id": "t", "elapsed_time_seconds": 1.5},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(schema.name for schema in LINES.schemas()))
def test_every_type_has_an_event(name: str) -> None:
    type_, _, subtype = name.partition("/")
    line = {**MINIMAL.get(type_, {}), "type": type_}
    if not type_.startswith("control_"):
        line["session_id"] = "s-1"
    if subtype:
        line["subtype"] = subtype
    driver = claude()
    events = driver.take(line)
    assert events
    assert not {event["type"] for event in events} & {"unknown", "parse_error"}
    assert not driver.session.drift


def test_every_system_subtype_is_listed() -> None:
    assert len(SYSTEM) >= 30


def test_pieces_and_the_whole_block_share_an_item() -> None:
    driver = claude()
    events = driver.take(
        stream({"type": "message_start", "message": {"id": "msg"}}),
        stream({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}}),
        stream({"type": "content_block_delta", "index": 0,
                "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        assistant({"type": "thinking", "thinking": "hm"}),
        stream({"type": "content_block_stop", "index": 0}),
        stream({"type": "content_block_start", "index": 1, "content_block": {"type": "text"}}),
        stream({"type": "content_block_delta", "index": 1,
                "delta": {"type": "text_delta", "text": "Hi"}}),
        assistant({"type": "text", "text": "Hi"}),
        stream({"type": "content_block_stop", "index": 1}),
        stream({"type": "content_block_start", "index": 2,
                "content_block": {"type": "tool_use", "id": "t1", "name": "Bash"}}),
        stream({"type": "content_block_delta", "index": 2,
                "delta": {"type": "input_json_delta", "partial_json": "{"}}),
        tool_use(command="ls"),
        stream({"type": "message_stop"}),
    )  # fmt: skip
    assert [(e["type"], e.get("itemId") or e.get("toolCallId")) for e in events] == [
        ("reasoning.delta", "msg:0"),
        ("reasoning.completed", "msg:0"),
        ("message.delta", "msg:1"),
        ("message.completed", "msg:1"),
        ("tool.input.delta", "t1"),
        ("tool.started", "t1"),
    ]


def test_blocks_without_a_stream_are_counted() -> None:
    driver = claude()
    events = driver.take(
        assistant({"type": "text", "text": "a"}),
        assistant({"type": "text", "text": "b"}),
        assistant({"type": "text", "text": "c"}, own="other"),
    )
    assert [event["itemId"] for event in events] == ["msg:0", "msg:1", "other:0"]


def test_subagents_stream_beside_the_main_agent() -> None:
    driver = claude()
    start = {"type": "content_block_start", "content_block": {"type": "text"}}
    events = driver.take(
        stream({"type": "message_start", "message": {"id": "main"}}),
        stream({"type": "message_start", "message": {"id": "sub"}}, "t9"),
        stream({**start, "index": 0}),
        stream({**start, "index": 3}, "t9"),
        assistant({"type": "text", "text": "s"}, own="sub", parent_tool_use_id="t9"),
        assistant({"type": "text", "text": "m"}, own="main"),
    )
    assert [(e["itemId"], e.get("parentToolCallId")) for e in events] == [
        ("sub:3", "t9"),
        ("main:0", None),
    ]
    assert driver.take(result(result=None))[-1]["text"] == "m"


@pytest.mark.parametrize(
    ("name", "given", "detail", "change"),
    [
        ("Write", {"file_path": "/a"}, {"type": "create", "filePath": "/a"}, "created"),
        ("Write", {"file_path": "/a"}, {"type": "update", "filePath": "/a"}, "modified"),
        ("Write", {"file_path": "/a"}, None, "unknown"),
        ("Edit", {"file_path": "/a"}, {"filePath": "/a"}, "modified"),
        ("MultiEdit", {"file_path": "/a"}, "text", "modified"),
        ("NotebookEdit", {"notebook_path": "/a"}, {}, "modified"),
    ],
)
def test_files_changed(name: str, given: dict[str, Any], detail: Any, change: str) -> None:
    good = claude()
    events = good.take(tool_use(name, **given), tool_result(detail=detail))
    assert events[-1] == {
        "type": "file.changed", "path": "/a", "change": change, "toolCallId": "t1",
    }  # fmt: skip
    bad = claude()
    events = bad.take(tool_use(name, **given), tool_result(error=True, detail=detail))
    assert [event["type"] for event in events] == ["tool.started", "tool.completed"]
    assert events[-1]["status"] == "failed"


def test_a_refusal_without_a_question_is_a_denied_tool() -> None:
    text = "Claude requested permissions to write to /a, but you haven't granted it yet."
    events = claude().take(tool_use(), tool_result(text, error=True))
    assert (events[-1]["status"], events[-1]["error"]) == ("denied", text)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"is_error": True, "api_error_status": 401, "result": "Invalid API key"}, "auth_required"),
        ({"is_error": True, "api_error_status": 403, "result": "no"}, "auth_required"),
        ({"is_error": True, "api_error_status": 429, "result": "API Error: 429"}, "rate_limited"),
        ({"is_error": True, "api_error_status": 529, "result": "API Error: 529"}, "overloaded"),
        ({"is_error": True, "api_error_status": 503, "result": "x"}, "overloaded"),
        ({"is_error": True, "api_error_status": 500, "result": "x"}, "api_error"),
        ({"is_error": True, "api_error_status": 404, "result": "x"}, "model_not_found"),
        ({"is_error": True, "api_error_status": 400, "result": "x"}, "invalid_request"),
        ({"is_error": True, "api_error_status": 400, "result": "Prompt is too long"},
         "context_too_long"),
        ({"is_error": True, "api_error_status": 400, "result": "Credit balance is too low"},
         "billing"),
        ({"is_error": True, "result": "Not logged in · Please run /login"}, "auth_required"),
        ({"subtype": "error_max_turns"}, "max_turns"),
        ({"subtype": "error_max_budget_usd"}, "max_budget"),
        ({"subtype": "error_max_structured_output_retries"}, "structured_output"),
        ({"subtype": "error_during_execution",
          "errors": ["No conversation found with session ID: x"]}, "session_not_found"),
        ({"subtype": "error_during_execution", "terminal_reason": "aborted_tools"}, "interrupted"),
        ({"subtype": "error_during_execution", "errors": ["boom"]}, "cli_error"),
        ({"subtype": "error_of_next_year"}, "cli_error"),
    ],
)  # fmt: skip
def test_failed_results(fields: dict[str, Any], code: str) -> None:
    verdict = claude().take(result(**fields))[-1]
    assert (verdict["type"], verdict["ok"], verdict["code"]) == ("turn.completed", False, code)
    assert verdict["error"]


def test_success_needs_the_structure_that_was_asked_for() -> None:
    driver = claude(extra_args=["--json-schema", "{}"])
    assert driver.take(result())[-1]["code"] == "structured_output"
    driver.prompt()
    assert driver.take(result(structured_output={"a": 1}))[-1]["ok"]


def test_cost_is_of_the_turn_and_results_are_not_counted() -> None:
    driver = claude()
    first = driver.take(result(total_cost_usd=0.25, usage={"input_tokens": 3}))
    assert (first[-2]["costUsd"], first[-1]["costUsd"]) == (0.25, 0.25)
    assert first[-1]["usage"] == {"inputTokens": 3}
    driver.prompt("two")
    own = driver.take(result(total_cost_usd=0.5, origin={"kind": "task-notification"}))[-1]
    assert (own["unsolicited"], own["costUsd"]) == (True, 0.25)
    second = driver.take(result(total_cost_usd=0.75))[-1]
    assert ("unsolicited" not in second, second["costUsd"]) == (True, 0.25)
    assert driver.take(result())[-1]["unsolicited"]
    assert driver.end(0) == []


def test_a_permission_question_and_its_answers() -> None:
    driver = claude()
    ask = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "ls"},
           "tool_use_id": "t1", "description": "List"}  # fmt: skip
    events = driver.take(
        tool_use(command="ls"), {"type": "control_request", "request_id": "q1", "request": ask}
    )
    assert events[-1]["type"] == "permission.requested"
    assert (events[-1]["requestId"], events[-1]["toolCallId"]) == ("q1", "t1")
    with pytest.raises(KeyError):
        driver.session.answer("other", PermissionAnswer(allow=True))
    driver.note(driver.session.answer("q1", PermissionAnswer(allow=True)))
    assert driver.sent[-1]["response"] == {
        "subtype": "success", "request_id": "q1",
        "response": {"behavior": "allow", "updatedInput": {"command": "ls"}},
    }  # fmt: skip
    driver.take({"type": "control_request", "request_id": "q2", "request": ask})
    change = PermissionAnswer(allow=True, updated_input={"command": "pwd"})
    driver.note(driver.session.answer("q2", change))
    assert driver.sent[-1]["response"]["response"]["updatedInput"] == {"command": "pwd"}
    driver.take({"type": "control_request", "request_id": "q3", "request": ask})
    driver.note(driver.session.answer("q3", PermissionAnswer(allow=False, message="no")))
    assert driver.sent[-1]["response"]["response"] == {"behavior": "deny", "message": "no"}
    assert driver.take(tool_result("no", error=True))[-1]["status"] == "denied"


def test_a_withdrawn_question_is_cancelled() -> None:
    driver = claude()
    ask = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {}}
    driver.take({"type": "control_request", "request_id": "q1", "request": ask})
    events = driver.take({"type": "control_cancel_request", "request_id": "q1"})
    assert (events[0]["type"], events[0]["decision"]) == ("permission.resolved", "cancelled")
    with pytest.raises(KeyError):
        driver.session.answer("q1", PermissionAnswer(allow=True))


@pytest.mark.parametrize("subtype", ["mcp_message", "request_user_dialog", "new_thing", None])
def test_other_requests_are_refused_and_not_left_waiting(subtype: str | None) -> None:
    driver = claude()
    request = {"subtype": subtype} if subtype else {}
    driver.take({"type": "control_request", "request_id": "q1", "request": request})
    assert driver.sent[-1]["response"]["subtype"] == "error"
    assert driver.sent[-1]["response"]["request_id"] == "q1"


def test_hooks_and_elicitations_are_answered() -> None:
    driver = claude()
    hook = {"subtype": "hook_callback", "callback_id": "c"}
    driver.take({"type": "control_request", "request_id": "q1", "request": hook})
    assert driver.sent[-1]["response"]["response"] == {}
    ask = {"subtype": "elicitation", "message": "?"}
    driver.take({"type": "control_request", "request_id": "q2", "request": ask})
    assert driver.sent[-1]["response"]["response"] == {"action": "decline"}


def test_an_interrupt_ends_the_turn_as_interrupted() -> None:
    driver = claude()
    driver.note(driver.session.interrupt())
    assert driver.sent[-1]["request"] == {"subtype": "interrupt"}
    failed = driver.take(result(subtype="error_during_execution", errors=["[diagnostic]"]))[-1]
    assert (failed["code"], failed["error"]) == ("interrupted", "interrupted")


def test_what_is_open_is_closed_with_the_turn() -> None:
    driver = claude()
    events = driver.take(tool_use(), result())
    assert [e["type"] for e in events] == ["tool.started", "tool.completed", "turn.completed"]
    assert events[1]["status"] == "failed"


@pytest.mark.parametrize(
    ("code", "stderr", "failure"),
    [
        (0, "", "no_result"),
        (0, "Error: harmless noise", "no_result"),
        (1, "error: unknown option '--x'", "cli_usage"),
        (1, "Error: Session ID 1-2 is already in use.", "session_in_use"),
        (1, "No conversation found with session ID: x", "session_not_found"),
        (1, "Error: Input must be provided either through stdin or ...", "no_input"),
        (1, "--dangerously-skip-permissions cannot be used with root/sudo", "cli_usage"),
        (1, "", "cli_error"),
        (143, "", "cli_killed"),
        (129, "", "cli_killed"),
        (-9, "", "cli_killed"),
        (None, "", "no_result"),
    ],
)
def test_an_end_without_a_result(code: int | None, stderr: str, failure: str) -> None:
    driver = Driver("claude-code", Form.ONE_SHOT)
    driver.prompt()
    assert driver.end(code, stderr)[-1]["code"] == failure


def test_a_bad_session_id_is_noted_and_not_used() -> None:
    driver = Driver("claude-code", Form.WARM)
    driver.prompt()
    events = driver.take({**INIT, "session_id": "--resume/../x"})
    assert [event["code"] for event in events] == ["bad_session_id", "session_without_id"]
    assert driver.session.session_id is None


def test_user_lines_say_what_they_are() -> None:
    def user(text: str, **fields: Any) -> dict[str, Any]:
        return {"type": "user", "message": {"content": text}, **fields}

    events = claude().take(
        user("[Request interrupted by user]"),
        user("<local-command-stdout>Set model</local-command-stdout>", isReplay=True),
        user("again", isReplay=True),
        user("do it", parent_tool_use_id="t1"),
        user("something"),
    )
    assert [event["code"] for event in events] == [
        "interrupted", "local_command", "user_replay", "subagent_prompt", "user_message",
    ]  # fmt: skip


def test_a_synthetic_message_is_a_notice() -> None:
    line = assistant({"type": "text", "text": "API Error: 500"}, error="server_error")
    line["message"]["model"] = "<synthetic>"
    event = claude().take(line)[0]
    assert (event["type"], event["code"], event["level"]) == ("notice", "api_error", "error")


def test_retries_and_limits() -> None:
    retry = {"type": "system", "subtype": "api_retry", "attempt": 2, "max_retries": 10,
             "retry_delay_ms": 612.5, "error_status": 529, "error": "overloaded"}  # fmt: skip
    limit = {"status": "rejected", "resetsAt": 1700000000, "rateLimitType": "five_hour"}
    events = claude().take(retry, {"type": "rate_limit_event", "rate_limit_info": limit})
    assert events[0] == {
        "type": "retry", "attempt": 2, "code": "overloaded", "maxAttempts": 10, "delayMs": 612,
        "httpStatus": 529, "message": "overloaded",
    }  # fmt: skip
    assert (events[1]["status"], events[1]["resetsAt"]) == ("rejected", 1700000000)


def test_unknown_blocks_and_pieces_are_counted() -> None:
    driver = claude()
    event = driver.take(assistant({"type": "hologram"}))[0]
    assert (event["type"], event["sourceType"]) == ("unknown", "assistant/hologram")
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "smell_delta"}}
    assert driver.take(stream(delta)) == []
    assert set(driver.session.drift) == {
        "assistant.content.hologram",
        "stream_event/content_block_delta/smell_delta",
    }
