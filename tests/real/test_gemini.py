"""Gemini CLI, installed from the npm registry, in both forms."""

from __future__ import annotations

import time

import pytest

from agent_runner.agents.base import Form
from tests.real.cases import RealCases, says, succeeded
from tests.real.clis import GEMINI
from tests.real.world import Real

pytestmark = pytest.mark.real


class TestGemini(RealCases):
    cli = GEMINI

    def test_restart(self, real: Real) -> None:
        """Over ACP a session cannot be loaded within the minute it began in: its file is named
        by the minute, and the loading process overwrites it. A new conversation works.
        """
        if real.form is Form.ONE_SHOT:
            return super().test_restart(real)
        for attempt in range(3):
            agent = real.agent(f"restart-{attempt}")
            minute = time.time() // 60
            assert succeeded(agent.turn("the first prompt", says("The first answer.")))
            real.stop()
            real.service.start()
            turn = agent.turn("the second prompt", says("The second answer."))
            if time.time() // 60 == minute:
                break
        assert (turn.run["status"], turn.run["code"]) == ("failed", "session_not_found")
        agent.end_session()
        assert succeeded(agent.turn("the third prompt", says("Here again.")))
        return None
