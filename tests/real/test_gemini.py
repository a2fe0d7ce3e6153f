"""Gemini CLI, installed from the npm registry, in both forms."""

from __future__ import annotations

import pytest

from agent_runner.agents.base import Form
from tests.real.approvals import ApprovalCases
from tests.real.cases import RealCases, says, succeeded
from tests.real.chat import ChatCases
from tests.real.clis import GEMINI
from tests.real.terminals import TerminalCases
from tests.real.world import Real, Turn

pytestmark = pytest.mark.real


class TestGemini(RealCases):
    cli = GEMINI

    def test_two_agents_in_a_folder(self, real: Real) -> None:
        """What the CLI makes of it: another agent's process removes a session that was resumed.

        The process that resumes it leaves the session alone, however often that is.
        """
        if real.form is Form.WARM:
            pytest.skip("the same by other files, after a minute; see test_end_in_a_tool")
        agent = real.agent("shared")
        other = real.agent("sharing", cwd=agent.cwd)
        first = agent.turn("the first prompt", says("The first answer."))
        assert succeeded(first)
        # As if a minute had passed: the CLI names its session files by the minute.
        tail = f"{first.run['sessionId'][:8]}.jsonl"
        (file,) = real.home.glob(f".gemini/tmp/*/chats/session-*-{tail}")
        file.rename(file.with_name(f"session-2020-01-01T00-00-{tail}"))
        for answer in ("The second answer.", "The third answer."):
            turn = agent.turn("go on", says(answer))
            assert succeeded(turn)
            assert turn.run["sessionId"] == first.run["sessionId"]
            self.assert_remembers(real, "the first prompt", "The first answer.", "go on")
        assert succeeded(other.turn("hello", says("Another conversation.")))
        turn = agent.turn("go on", says("In a new session."))
        assert succeeded(turn)
        self.assert_quarantined(turn, first)


class TestGeminiChat(ChatCases):
    cli = GEMINI
    is_told = True
    modes = ("plan", "auto_edit")


class TestGeminiUiChat(ChatCases):
    """The same in its own terminal UI."""

    cli = GEMINI
    is_told = True
    modes = ("plan", "auto_edit")

    @pytest.fixture
    def real(self, terminal: Real) -> Real:
        return terminal


class TestGeminiUi(RealCases):
    """The same in its own terminal UI, which had not shown 5 MB after 90 seconds."""

    cli = GEMINI
    big = 200_000

    @pytest.fixture
    def real(self, terminal: Real) -> Real:
        return terminal


class TestGeminiApprovals(ApprovalCases):
    cli = GEMINI

    def assert_rejected(self, real: Real, turn: Turn) -> None:
        """The protocol has no place for the message."""
        assert succeeded(turn)
        assert turn.run["content"] == "Carried on."


class TestGeminiTerminal(TerminalCases):
    cli = GEMINI

    def assert_rejected(self, real: Real, turn: Turn) -> None:
        """The UI has no way to tell the model why: a refusal ends the turn."""
        assert (turn.run["status"], turn.run["code"]) == ("failed", "permission_denied")
