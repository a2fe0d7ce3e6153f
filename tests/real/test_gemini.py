"""Gemini CLI, installed from the npm registry, in both forms."""

from __future__ import annotations

import pytest

from tests.real.approvals import ApprovalCases
from tests.real.cases import RealCases, succeeded
from tests.real.clis import GEMINI
from tests.real.terminals import TerminalCases
from tests.real.world import Real, Turn

pytestmark = pytest.mark.real


class TestGemini(RealCases):
    cli = GEMINI


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
