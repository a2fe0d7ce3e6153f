"""Commands of the user's: plain text, and the dialects of the known CLIs."""

from __future__ import annotations

import pytest

from agent_runner.agents.acp.protocol import AcpProtocol
from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.agents.claude.protocol import ClaudeProtocol
from agent_runner.agents.custom.supervised_protocol import SupervisedProtocol
from agent_runner.agents.droid.protocol import DroidProtocol
from agent_runner.agents.gemini.protocol import GeminiProtocol
from tests.agents.sessions import Driver


def test_lines_of_text_are_one_message() -> None:
    driver = Driver("custom", Form.ONE_SHOT, command=["cat"])
    driver.prompt("hello")
    assert driver.sent == [{"text": "hello"}]
    assert driver.session.close_after_prompt
    events = driver.take("one\r", "", "three")
    assert "".join(event["text"] for event in events) == "one\n\nthree"
    ended = driver.end(0)
    assert ended == [
        {"type": "message.completed", "itemId": "m1", "text": "one\n\nthree"},
        {"type": "turn.completed", "ok": True, "text": "one\n\nthree"},
    ]


@pytest.mark.parametrize(
    ("code", "stderr", "failure"), [(3, "it broke", "cli_error"), (-9, "", "cli_killed")]
)
def test_a_bad_exit_is_a_failure(code: int, stderr: str, failure: str) -> None:
    driver = Driver("custom", Form.ONE_SHOT, command=["x"])
    driver.prompt()
    driver.take("half")
    assert driver.end(code, stderr)[-1]["code"] == failure


@pytest.mark.parametrize(
    ("said", "stderr", "failure"),
    [
        ("You've hit your usage limit, try again in 5 hours", "", "rate_limited"),
        ("some words", "", "cli_error"),
        ("You've hit your usage limit", "Error: Invalid API key", "auth_required"),
    ],
)
def test_why_it_failed_may_stand_on_stdout(said: str, stderr: str, failure: str) -> None:
    driver = Driver("custom", Form.ONE_SHOT, command=["x"])
    driver.prompt()
    driver.take(said)
    assert driver.end(1, stderr)[-1]["code"] == failure


def test_silence_is_an_empty_answer() -> None:
    driver = Driver("custom", Form.ONE_SHOT, command=["true"])
    driver.prompt()
    assert driver.end(0)[-1]["text"] == ""
    with pytest.raises(KeyError):
        driver.session.answer("x", PermissionAnswer(allow=True))
    assert driver.session.interrupt() is None


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [("claude-code", ClaudeProtocol), ("gemini", GeminiProtocol), ("factory-droid", DroidProtocol),
     ("acp", AcpProtocol)],
)  # fmt: skip
def test_dialects(dialect: str, kind: type) -> None:
    driver = Driver("custom", Form.ONE_SHOT, command=["x"], dialect=dialect)
    assert isinstance(driver.session, SupervisedProtocol)
    assert isinstance(driver.session.inner, kind)
