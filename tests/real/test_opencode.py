"""OpenCode, installed from the npm registry, as an agent of type acp."""

from __future__ import annotations

import json

import pytest
from recorder.cases.shared import fails

from tests.real.approvals import ApprovalCases
from tests.real.cases import RealCases, says, succeeded
from tests.real.chat import ChatCases
from tests.real.clis import OPENCODE
from tests.real.world import Real, Turn

pytestmark = pytest.mark.real


class TestOpenCode(RealCases):
    cli = OPENCODE

    @pytest.mark.parametrize("code", ["auth_required", "model_not_found"])
    def test_error(self, real: Real, code: str) -> None:
        """It passes on what the provider says, and not the status."""
        agent = real.agent(code.replace("_", "-"))
        status, message = {
            "auth_required": (401, "invalid x-api-key"),
            "model_not_found": (404, "model: no-such-model"),
        }[code]
        turn = agent.turn("hello", fails(status, message))
        assert turn.run["status"] == "failed"
        assert message in turn.run["error"]
        agent.reset_circuit()
        assert succeeded(agent.turn("again", says("Still here.")))


class TestOpenCodeChat(ChatCases):
    cli = OPENCODE
    is_told = session_keeps_model = True
    reads_unasked = False
    modes = ("plan", "build")


class TestOpenCodeApprovals(ApprovalCases):
    cli = OPENCODE

    def assert_rejected(self, real: Real, turn: Turn) -> None:
        """A refusal ends the turn, and the protocol has no place for the message."""
        assert succeeded(turn)
        (done,) = turn.of("tool.completed")
        assert done["status"] == "denied", json.dumps(done)
