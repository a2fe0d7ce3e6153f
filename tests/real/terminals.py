"""What a CLI in its own terminal UI must do besides the cases that all forms have in common."""

from __future__ import annotations

from agent_runner.agents.base import Form
from tests.real.approvals import Asking, asks, ran
from tests.real.cases import says, succeeded
from tests.real.world import Agent, Real


class TerminalCases(Asking):
    """Questions answered from outside, long prompts, and a conversation that changes its form."""

    def test_approved_in_the_ui(self, terminal: Real) -> None:
        agent, run = self.begin(terminal, "approved", asks(), says("Done."))
        self.decide(terminal, self.pending(terminal, agent, run))
        turn = run.finish()
        assert succeeded(turn)
        assert turn.run["content"] == "Done."
        assert ran(agent) == 1

    def test_rejected_in_the_ui(self, terminal: Real) -> None:
        agent, run = self.begin(terminal, "rejected", asks(), says("Carried on."))
        approval = self.pending(terminal, agent, run)
        self.decide(terminal, approval, decision="reject", message="Not on a Saturday.")
        turn = run.finish()
        assert ran(agent) == 0
        self.assert_rejected(terminal, turn)

    def test_one_conversation_in_two_forms(self, terminal: Real) -> None:
        agent = terminal.agent("crossing")
        session = None
        said: list[str] = []
        for number, mode in enumerate(("headless", "tmux", "headless", "tmux"), 1):
            self.drive(agent, mode)
            prompt, answer = f"prompt {number}", f"Answer {number}."
            turn = agent.turn(prompt, says(answer))
            assert succeeded(turn)
            assert turn.run["content"] == answer
            assert session in (None, turn.run["sessionId"])
            session = turn.run["sessionId"]
            said += [prompt, answer]
            self.assert_asked(terminal, *said[:-1])
        assert turn.of("session.quarantined") == []

    def drive(self, agent: Agent, mode: str) -> None:
        agent.change(commMode=mode)
        agent.form = Form.TERMINAL if mode == "tmux" else Form.WARM

    def assert_asked(self, real: Real, *texts: str) -> None:
        """One of the CLI's requests to its model holds all of `texts`."""
        bodies = [str(request["body"]) for request in real.model.requests()]
        assert any(all(text in body for text in texts) for body in bodies)
