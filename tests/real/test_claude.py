"""Claude Code, installed from the npm registry, in both forms."""

from __future__ import annotations

import json

import pytest
from recorder.models import Reply, Text, Tool

from agent_runner.agents.base import Form
from tests.real.approvals import COUNTS, ApprovalCases, ApprovalRequest, asks, ran
from tests.real.cases import RealCases, says, succeeded
from tests.real.chat import ChatCases
from tests.real.clis import CLAUDE
from tests.real.terminals import TerminalCases
from tests.real.world import Real, Turn

pytestmark = pytest.mark.real


class TestClaude(RealCases):
    cli = CLAUDE


class TestClaudeChat(ChatCases):
    cli = CLAUDE
    steers = frozenset((Form.ONE_SHOT, Form.WARM))
    forks = is_told = True
    modes = ("plan", "acceptEdits")


class TestClaudeUiChat(ChatCases):
    """The same in its own terminal UI."""

    cli = CLAUDE
    steers = frozenset((Form.ONE_SHOT, Form.WARM))
    forks = is_told = True
    modes = ("plan", "acceptEdits")

    @pytest.fixture
    def real(self, terminal: Real) -> Real:
        return terminal


class TestClaudeUi(RealCases):
    """The same in its own terminal UI."""

    cli = CLAUDE

    @pytest.fixture
    def real(self, terminal: Real) -> Real:
        return terminal


LONG = "Read every word of this line, it is numbered nowhere. " * 3704
QUESTION = {
    "question": "Which colour?",
    "header": "Colour",
    "multiSelect": False,
    "options": [
        {"label": "Red", "description": "like a rose"},
        {"label": "Blue", "description": "like the sky"},
    ],
}


class ClaudeAsking(ApprovalRequest):
    """What it asks in its warm form and in its UI alike."""

    def assert_rejected(self, real: Real, turn: Turn) -> None:
        assert succeeded(turn)
        assert turn.run["content"] == "Carried on."
        (done,) = turn.of("tool.completed")
        assert (done["status"], done["error"]) == ("denied", "Not on a Saturday.")
        bodies = [json.dumps(request["body"]) for request in real.model.requests()]
        assert any("Not on a Saturday." in body for body in bodies)

    def answer_a_question(self, real: Real) -> None:
        ask = Reply([Text("A question."), Tool("AskUserQuestion", {"questions": [QUESTION]})])
        agent, run = self.begin(real, "question", ask, says("Blue it is."), permissions="full")
        approval = self.pending(real, agent, run)
        assert approval["kind"] == "question"
        assert approval["input"]["questions"][0]["question"] == "Which colour?"
        self.decide(real, approval, answers={"Which colour?": "Blue"})
        turn = run.finish()
        assert succeeded(turn)
        bodies = [json.dumps(request["body"]["messages"]) for request in real.model.requests()]
        assert any("Which colour?" in body and "Blue" in body for body in bodies)
        (done,) = turn.of("tool.completed")
        assert "Blue" in json.dumps(done)

    def agree_to_a_plan(self, real: Real) -> None:
        ask = Reply([Tool("ExitPlanMode", {"plan": "1. Count."})])
        agent, run = self.begin(real, "plan", ask, says("Agreed."), permissionMode="plan")
        approval = self.pending(real, agent, run)
        assert approval["kind"] == "plan"
        self.decide(real, approval)
        turn = run.finish()
        assert succeeded(turn)
        assert turn.run["content"] == "Agreed."


class TestClaudeTerminal(ClaudeAsking, TerminalCases):
    cli = CLAUDE

    def test_a_prompt_of_200_kb(self, terminal: Real) -> None:
        agent = terminal.agent("long")
        turn = agent.turn(LONG, Reply([Text("Read it.")], times=0))
        assert succeeded(turn)
        assert turn.run["content"] == "Read it."
        (receipt,) = [n for n in turn.of("notice") if n["code"] == "delivered"]
        assert receipt["data"]["by"] == "hook"
        self.assert_asked(terminal, LONG.rstrip())

    def test_a_question_in_the_ui(self, terminal: Real) -> None:
        self.answer_a_question(terminal)

    def test_a_plan_in_the_ui(self, terminal: Real) -> None:
        self.agree_to_a_plan(terminal)

    def test_changed_input_in_the_ui(self, terminal: Real) -> None:
        agent, run = self.begin(terminal, "changed", asks(), says("Done."))
        approval = self.pending(terminal, agent, run)
        changed = {**approval["input"], "command": "echo other > other.txt"}
        self.decide(terminal, approval, updatedInput=changed)
        assert succeeded(run.finish())
        assert ran(agent) == 0
        assert (agent.cwd / "other.txt").read_text() == "other\n"


class TestClaudeApprovals(ClaudeAsking, ApprovalCases):
    cli = CLAUDE

    def test_changed_input(self, warm: Real) -> None:
        agent, run = self.begin(warm, "changed", asks(), says("Done."))
        approval = self.pending(warm, agent, run)
        changed = {**approval["input"], "command": "echo other > other.txt"}
        self.decide(warm, approval, updatedInput=changed)
        assert succeeded(run.finish())
        assert ran(agent) == 0
        assert (agent.cwd / "other.txt").read_text() == "other\n"

    def test_rejected_and_stopped(self, warm: Real) -> None:
        agent, run = self.begin(warm, "stopped", asks(), says("Never said."))
        self.decide(warm, self.pending(warm, agent, run), decision="reject", stop=True)
        turn = run.finish()
        assert (turn.run["status"], turn.run["code"]) == ("failed", "interrupted")
        assert ran(agent) == 0
        assert succeeded(agent.turn("go on", says("Still here.")))

    def test_a_question(self, warm: Real) -> None:
        self.answer_a_question(warm)

    def test_a_plan(self, warm: Real) -> None:
        self.agree_to_a_plan(warm)

    def test_a_policy(self, warm: Real) -> None:
        rules = [
            {"tool": "Bash", "input": {"command": "echo *"}, "action": "allow"},
            {"tool": "*", "action": "deny"},
        ]
        agent, run = self.begin(
            warm,
            "policy",
            asks(COUNTS),
            asks("echo one"),
            says("Done."),
            permissions={"preset": "ask", "rules": rules},
        )
        turn = run.finish()
        assert succeeded(turn)
        # The first one writes to a file, which a rule with wildcards does not let through.
        resolved = turn.of("permission.resolved")
        assert [event["decidedBy"] for event in resolved] == ["policy"] * len(resolved)
        assert resolved[0]["decision"] == "deny"
        assert ran(agent) == 0
