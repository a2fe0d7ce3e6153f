"""Gemini CLI's stream-json lines to events, and its exit codes."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import Form
from tests.agents.sessions import Driver

INIT = {"type": "init", "session_id": "s-1", "model": "flash", "timestamp": "T"}


def gemini(*lines: dict[str, Any]) -> tuple[Driver, list[dict[str, Any]]]:
    driver = Driver("gemini", Form.ONE_SHOT)
    driver.prompt()
    return driver, driver.take(INIT, *lines)


def text(content: str, role: str = "assistant") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content, "delta": True}


def failed(message: str) -> dict[str, Any]:
    return {"type": "result", "status": "error", "error": {"type": "unknown", "message": message}}


def test_a_good_run() -> None:
    stats = {"total_tokens": 9, "input_tokens": 5, "output_tokens": 3, "cached": 1,
             "duration_ms": 12, "models": {"flash": {}}}  # fmt: skip
    driver, events = gemini(
        text("hello", "user"),
        text("Step "),
        text("one."),
        {"type": "tool_use", "tool_name": "write_file", "tool_id": "t",
         "parameters": {"file_path": "/a"}},
        {"type": "tool_result", "tool_id": "t", "status": "success"},
        text("Done."),
        {"type": "result", "status": "success", "stats": stats},
    )  # fmt: skip
    assert driver.session.close_after_prompt
    assert [event["type"] for event in events] == [
        "session.started", "activity", "message.delta", "message.delta", "message.completed",
        "tool.started", "tool.completed", "file.changed", "message.delta", "message.completed",
        "usage", "turn.completed",
    ]  # fmt: skip
    assert events[4] == {"type": "message.completed", "itemId": "m1", "text": "Step one."}
    assert (events[-1]["ok"], events[-1]["text"], events[-1]["durationMs"]) == (True, "Done.", 12)
    assert driver.end(0) == []
    assert not driver.session.drift


@pytest.mark.parametrize(
    ("kind", "status"), [("policy_violation", "denied"), ("execution_failed", "failed")]
)
def test_failed_tools_are_not_failed_runs(kind: str, status: str) -> None:
    _, events = gemini(
        {"type": "tool_use", "tool_name": "replace", "tool_id": "t",
         "parameters": {"file_path": "/a"}},
        {"type": "tool_result", "tool_id": "t", "status": "error",
         "error": {"type": kind, "message": "no"}},
        {"type": "result", "status": "success"},
    )  # fmt: skip
    assert [e["type"] for e in events[1:]] == ["tool.started", "tool.completed", "turn.completed"]
    assert (events[2]["status"], events[2]["error"], events[-1]["ok"]) == (status, "no", True)


@pytest.mark.parametrize(
    ("message", "exit_code", "stderr", "code"),
    [
        ('[API Error: {"error":{"code":401,"message":"bad key"}}]', 145, "", "auth_required"),
        ("[API Error: no words]", 145, "", "auth_required"),
        ("[API Error: no words]", 147, "", "auth_required"),
        ("[API Error: no words]", 148, "", "model_not_found"),
        ("[API Error: no words]", 144, "", "invalid_request"),
        ("[API Error: no words]", 173, "", "rate_limited"),
        ("[API Error: no words]", 244, "", "api_error"),
        ("[API Error: no words]", 247, "", "overloaded"),
        ("[API Error: no words]", 1, "  status: 404\n}", "model_not_found"),
        ("[API Error: no words]", 1, "", "api_error"),
        ("", 0, "", "api_error"),
    ],
)
def test_a_failed_result(message: str, exit_code: int, stderr: str, code: str) -> None:
    driver, events = gemini(failed(message))
    verdict = (events + driver.end(exit_code, stderr))[-1]
    assert (verdict["type"], verdict["ok"], verdict["code"]) == ("turn.completed", False, code)
    assert verdict["error"]


@pytest.mark.parametrize(
    ("exit_code", "stderr", "code"),
    [
        (41, "Please set an Auth method", "auth_required"),
        (42, "No input provided via stdin.", "no_input"),
        (42, "Error resuming session: Invalid session identifier", "session_not_found"),
        (52, "bad settings", "cli_usage"),
        (53, "turns", "max_turns"),
        (55, "Gemini CLI is not running in a trusted directory.", "untrusted_folder"),
        (130, "", "interrupted"),
        (1, "Unknown arguments: nope", "cli_usage"),
        (0, "Ripgrep is not available. Falling back to GrepTool.", "no_result"),
        (-9, "", "cli_killed"),
    ],
)
def test_an_end_without_a_result(exit_code: int, stderr: str, code: str) -> None:
    driver, _ = gemini()
    assert driver.end(exit_code, stderr)[-1]["code"] == code


def test_errors_before_the_result_explain_it() -> None:
    _, events = gemini(
        {"type": "error", "severity": "warning", "message": "Loop detected"},
        {"type": "error", "severity": "error", "message": "Maximum session turns exceeded"},
        {"type": "result", "status": "error"},
    )
    assert [event.get("level") for event in events[1:3]] == ["warning", "error"]
    assert (events[-1]["code"], events[-1]["error"]) == (
        "max_turns", "Maximum session turns exceeded",
    )  # fmt: skip


def test_a_cut_answer_told_again_is_marked_and_kept() -> None:
    _, events = gemini(*[text("Before the cut. ")] * 4, {"type": "result", "status": "success"})
    assert [e["code"] for e in events if e["type"] == "notice"] == ["possible_repeat"]
    assert events[-1]["text"] == "Before the cut. " * 4
    _, events = gemini(text("ha"), text("ha"), {"type": "result", "status": "success"})
    assert not [e for e in events if e["type"] == "notice"]


def test_text_under_way_is_completed_when_the_process_goes() -> None:
    driver, _ = gemini(text("half"))
    assert [event["type"] for event in driver.end(-15)] == ["message.completed", "turn.completed"]
