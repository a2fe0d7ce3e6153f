"""Codex CLI, installed from the npm registry, in all its forms."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from recorder.models import Reply, Shell

from agent_runner.agents.base import Form
from tests.real.approvals import ApprovalCases, ApprovalRequest, asks, ran
from tests.real.cases import RealCases, says, succeeded
from tests.real.chat import ChatCases
from tests.real.clis import CODEX
from tests.real.terminals import TerminalCases
from tests.real.world import PATIENCE_S, Agent, Real, Turn, wait_until

pytestmark = pytest.mark.real


def execute(real: Real, agent: Agent, prompt: str, **more: Any) -> dict[str, Any]:
    """Send a prompt with more than its text; the answer, unchecked."""
    with real.service.client() as client:
        body = {"prompt": prompt, **more}
        answer = client.post(f"/agents/{agent.name}/execute", json=body, timeout=PATIENCE_S)
    run: dict[str, Any] = answer.json()
    return run


class CodexCases(RealCases):
    cli = CODEX

    def test_gone_on_with_by_hand(self, real: Real) -> None:
        """A process that stays has its session for itself: another one is refused."""
        if real.form is Form.ONE_SHOT:
            super().test_gone_on_with_by_hand(real)
            return
        agent = real.agent("by-hand")
        first = agent.turn("remember APPLES", says("I know APPLES."))
        assert succeeded(first)
        with pytest.raises(subprocess.CalledProcessError):
            agent.by_hand("remember PEARS", first.run["sessionId"], says("I know PEARS."))
        turn = agent.turn("what do you know?", says("Apples."))
        assert succeeded(turn)
        assert turn.run["sessionId"] == first.run["sessionId"]


class TestCodex(CodexCases):
    """Headless."""


class TestCodexUi(CodexCases):
    """The same in its own terminal UI."""

    @pytest.fixture
    def real(self, terminal: Real) -> Real:
        return terminal


class TestCodexChat(ChatCases):
    cli = CODEX
    steers = frozenset((Form.WARM,))
    is_told = True
    names_images = frozenset((Form.ONE_SHOT,))
    modes = ("never", "read-only")


class TestCodexUiChat(ChatCases):
    cli = CODEX
    modes = ("never", "read-only")

    @pytest.fixture
    def real(self, terminal: Real) -> Real:
        return terminal


class TestCodexWarm(ApprovalRequest):
    cli = CODEX

    def test_a_prompt_into_the_running_turn(self, warm: Real) -> None:
        agent = warm.agent("steered", **CODEX.tools)
        warm.model.script(
            [Reply([Shell("sleep 2; echo done")]), says("Heard both."), says("Apart.")]
        )
        with ThreadPoolExecutor(1) as pool:
            begun = pool.submit(execute, warm, agent, "begin")
            wait_until(lambda: warm.runs_command("sleep 2") or begun.done(), "the command runs")
            time.sleep(CODEX.tells_after_s)
            steered = execute(warm, agent, "and this", busy="steer")
            run = begun.result()
        assert (run["status"], run["content"]) == ("succeeded", "Heard both."), run
        assert steered["steeredInto"] == run["runId"]
        bodies = [json.dumps(request["body"]) for request in warm.model.requests()]
        assert any("begin" in body and "and this" in body for body in bodies)

    def test_another_model_and_mode_for_one_prompt(self, warm: Real) -> None:
        """The process stays, and what it may do is as it was afterwards."""
        agent = warm.agent("settings")
        warm.model.script([says("One."), asks(), says("Two."), asks(), says("Three.")])
        assert execute(warm, agent, "one")["content"] == "One."
        changed = execute(warm, agent, "two", model="gpt-5.4", permissionMode="never")
        assert changed["content"] == "Two."
        assert ran(agent) == 1
        models = [request["body"]["model"] for request in warm.model.requests() if request["body"]]
        assert models == ["gpt-5.5", "gpt-5.4", "gpt-5.4"]
        with ThreadPoolExecutor(1) as pool:
            third = pool.submit(execute, warm, agent, "three")
            self.decide(warm, self.pending(warm, agent), decision="reject")
            assert third.result()["content"] == "Three."
        assert ran(agent) == 1


class TestCodexApprovals(ApprovalCases):
    cli = CODEX

    def assert_rejected(self, real: Real, turn: Turn) -> None:
        """The model is told, but the protocol has no place for the message."""
        assert succeeded(turn)
        assert turn.run["content"] == "Carried on."
        (done,) = turn.of("tool.completed")
        assert done["status"] == "denied"

    def test_rejected_and_stopped(self, warm: Real) -> None:
        agent, run = self.begin(warm, "stopped", asks(), says("Never said."))
        self.decide(warm, self.pending(warm, agent, run), decision="reject", stop=True)
        turn = run.finish()
        assert (turn.run["status"], turn.run["code"]) == ("failed", "interrupted")
        assert ran(agent) == 0
        assert succeeded(agent.turn("go on", says("Still here.")))


class TestCodexTerminal(TerminalCases):
    cli = CODEX

    def assert_rejected(self, real: Real, turn: Turn) -> None:
        assert succeeded(turn)
        assert turn.run["content"] == "Carried on."
        (done,) = turn.of("tool.completed")
        assert done["status"] == "denied"
        bodies = [json.dumps(request["body"]) for request in real.model.requests()]
        assert any("Not on a Saturday." in body for body in bodies)
