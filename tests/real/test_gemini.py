"""Gemini CLI, installed from the npm registry, in both forms."""

from __future__ import annotations

import pytest

from tests.real.approvals import ApprovalCases
from tests.real.cases import RealCases, succeeded
from tests.real.clis import GEMINI
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
