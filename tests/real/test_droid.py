"""Factory Droid, installed from the npm registry, in both forms."""

from __future__ import annotations

import pytest
from recorder.models import Reply, Shell

from agent_runner.agents.base import Form
from tests.real.approvals import ApprovalCases
from tests.real.cases import RealCases, says, succeeded
from tests.real.chat import ChatCases
from tests.real.clis import DROID
from tests.real.terminals import TerminalCases
from tests.real.world import Real, Turn

pytestmark = pytest.mark.real


class TestDroid(RealCases):
    cli = DROID


class TestDroidChat(ChatCases):
    cli = DROID
    steers = frozenset((Form.WARM,))
    is_told = True
    modes = ("low", "high")


class TestDroidUiChat(ChatCases):
    """The same in its own terminal UI."""

    cli = DROID
    steers = frozenset((Form.WARM,))
    is_told = True
    modes = ("low", "high")

    @pytest.fixture
    def real(self, terminal: Real) -> Real:
        return terminal


class TestDroidUi(RealCases):
    """The same in its own terminal UI."""

    cli = DROID

    @pytest.fixture
    def real(self, terminal: Real) -> Real:
        return terminal


class TestDroidApprovals(ApprovalCases):
    cli = DROID

    def assert_rejected(self, real: Real, turn: Turn) -> None:
        """Its own word for a rejection is cancel: the turn ends, and the model is not asked."""
        assert turn.run["code"] == "permission_denied"


class TestDroidTerminal(TerminalCases):
    cli = DROID

    def assert_rejected(self, real: Real, turn: Turn) -> None:
        """The UI has no way to tell the model why: a refusal ends the turn."""
        assert (turn.run["status"], turn.run["code"]) == ("failed", "permission_denied")

    def test_each_of_two_questions_gets_its_own_answer(self, terminal: Real) -> None:
        """It asks once for all: the question names all, and the answer is for all."""
        calls = Reply([Shell("touch one.txt"), Shell("touch two.txt")])
        agent, run = self.begin(terminal, "both", calls, says("Done."))
        approval = self.pending(terminal, agent, run)
        uses = approval["input"]["toolUses"]
        assert [use["input"]["command"] for use in uses] == ["touch one.txt", "touch two.txt"]
        self.decide(terminal, approval)
        assert succeeded(run.finish())
        assert [(agent.cwd / name).exists() for name in ("one.txt", "two.txt")] == [True, True]
