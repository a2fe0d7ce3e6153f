"""From statuses, texts and exit codes to failure codes."""

from __future__ import annotations

import pytest

from agent_runner.agents.base import Exit
from agent_runner.agents.failures import (
    ERROR_LIMIT,
    code_for,
    code_for_stack,
    code_for_status,
    code_for_text,
    error_line,
    exit_verdict,
    readable,
    short,
)


@pytest.mark.parametrize(
    ("status", "code"),
    [(None, None), (200, None), (0, None), (1e9, None), (402, "billing"), (418, "invalid_request"),
     (599, "api_error")],
)  # fmt: skip
def test_statuses(status: float | None, code: str | None) -> None:
    assert code_for_status(status) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", None),
        ("all is well", None),
        ("API Error: 529 {...}", "overloaded"),
        ("You've hit your session limit · resets 3pm", "rate_limited"),
        ("connect ECONNREFUSED 127.0.0.1:1", "connection_failed"),
        ("401 {}", "auth_required"),
        ("404 pages were read", "model_not_found"),
        ("models/x is not found for API version v1beta", "model_not_found"),
        ("x" * 10_000 + "overloaded", None),
    ],
)
def test_texts(text: str, code: str | None) -> None:
    assert code_for_text(text) == code


def test_a_text_beats_a_vague_status_only() -> None:
    assert code_for(400, "prompt is too long") == "context_too_long"
    assert code_for(500, "overloaded") == "overloaded"
    assert code_for(429, "unknown option") == "rate_limited"
    assert code_for(429, "credit balance is too low") == "billing"
    assert code_for(None, "nothing") is None


def test_stacks() -> None:
    assert code_for_stack("Error\n  at x\n  status: 429\n  code: 401\n}") == "auth_required"
    assert code_for_stack("nothing") is None


def test_readable_takes_the_message_out_of_json() -> None:
    assert readable('{"error":{"message":"m"}}') == "m"
    assert readable('401 {"error":{"message":"m"}}') == "401 m"
    assert readable('[API Error: {"error":{"message":"m"}}]') == "API Error: m"
    for text in (
        "plain",
        "{broken",
        '{"error":3}',
        '{"error":{"message":""}}',
        "[" * 9 + "{" * 9999,
    ):
        assert readable(text) == text


def test_texts_are_short() -> None:
    assert short("  x ") == "x"
    assert len(short("x" * 10_000)) == ERROR_LIMIT + 3


def test_the_telling_line_of_stderr() -> None:
    assert error_line("") == ""
    assert error_line("warming up\nError: bad thing\nbye\n") == "Error: bad thing"
    assert error_line("one\ntwo\n") == "two"


def test_exits() -> None:
    assert exit_verdict(Exit(code=0, stderr_tail="error: x"))[0] == "no_result"
    assert exit_verdict(Exit(code=-11))[1].endswith("SIGSEGV")
    assert exit_verdict(Exit(code=-99))[1].endswith("signal 99")
    assert exit_verdict(Exit(code=137))[0] == "cli_killed"
    assert exit_verdict(Exit(code=7))[1] == "the CLI ended with exit code 7"
