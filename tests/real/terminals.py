"""What a CLI in its own terminal UI must do besides the cases that all forms have in common."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from recorder.models import Reply, Shell, Sleep

from agent_runner.agents.base import Form
from tests.real.approvals import ApprovalRequest, asks, ran
from tests.real.cases import asked, says, succeeded
from tests.real.world import Agent, Real, wait_until


class TerminalCases(ApprovalRequest):
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

    def test_each_of_two_questions_gets_its_own_answer(self, terminal: Real) -> None:
        """Whichever is decided first, and whichever is shown first.

        Where a refusal ends the turn, it may end it before the other question is shown.
        """
        calls = Reply([Shell("touch one.txt"), Shell("touch two.txt")])
        agent, run = self.begin(terminal, "both", calls, says("Done."))
        decided: list[str] = []

        def decide() -> bool:
            found = {a["hints"]["command"]: a for a in self.open(terminal, agent)}
            for command in sorted(set(found) - set(decided), reverse=True):
                kind = "approve" if command == "touch one.txt" else "reject"
                self.decide(terminal, found[command], decision=kind)
                decided.append(command)
            return bool(run.over())

        wait_until(decide, "the end")
        assert sorted(decided) == ["touch one.txt", "touch two.txt"]
        turn = run.finish()
        assert not (agent.cwd / "two.txt").exists()
        assert (agent.cwd / "one.txt").exists() or turn.run["code"] == "permission_denied"

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

    def test_interrupted_at_the_terminal(self, terminal: Real) -> None:
        """By somebody who looks on, before the model has said a word."""
        agent = terminal.agent("onlooker")
        run = agent.begin("say it", Reply([Sleep(600)]))
        wait_until(lambda: asked(terminal) or run.over(), "the model is asked")
        self.press(terminal, agent, "Escape")
        turn = run.finish()
        assert (turn.run["status"], turn.run["code"]) == ("failed", "interrupted"), turn.events
        turn = agent.turn("go on", says("Still here."))
        assert succeeded(turn)
        assert turn.run["content"] == "Still here."

    @pytest.mark.parametrize("keys", ["C-o", "/model Enter", "!"])
    def test_what_somebody_left_open_is_left(self, terminal: Real, keys: str) -> None:
        """A transcript, a menu, shell mode: the prompt is taken in the same UI."""
        agent = terminal.agent(f"left-{keys[-3:]}".replace(" ", "").replace("!", "shell"))
        assert succeeded(agent.turn("say it", says("One.")))
        before = self.shown(terminal, agent)["pid"]
        for key in keys.split():
            self.press(terminal, agent, key)
            wait_until(self.rests(terminal, agent), "the UI rests")
        turn = agent.turn("and again", says("Two."))
        assert succeeded(turn)
        assert turn.run["content"] == "Two."
        assert self.shown(terminal, agent)["pid"] == before

    def test_a_prompt_that_the_submit_key_would_change(self, terminal: Real) -> None:
        agent = terminal.agent("submitted")
        for prompt in ("ends in \\", "see :de"):
            turn = agent.turn(prompt, says("Taken."))
            assert succeeded(turn)
            self.assert_asked(terminal, json.dumps(prompt)[1:-1])

    def test_a_word_of_the_ui_is_refused(self, terminal: Real) -> None:
        agent = terminal.agent("leaving")
        for prompt in terminal.cli.own_words:
            with terminal.service.client() as client:
                answer = client.post(f"/agents/{agent.name}/execute", json={"prompt": prompt})
            assert (answer.status_code, answer.json()["code"]) == (422, "prompt_refused")
        agent.end_session()
        assert succeeded(agent.turn("do not exit", says("I stay.")))

    def shown(self, real: Real, agent: Agent) -> dict[str, Any]:
        with real.service.client() as client:
            found: dict[str, Any] = client.get(f"/agents/{agent.name}/terminal").json()
        return found

    def rests(self, real: Real, agent: Agent) -> Callable[[], bool]:
        """True when the screen has been the same for half a second."""
        last: list[tuple[float, str]] = []

        def rests() -> bool:
            text = self.shown(real, agent)["text"]
            if not last or last[-1][1] != text:
                last.append((time.monotonic(), text))
            return time.monotonic() - last[-1][0] > 0.5

        return rests

    def press(self, real: Real, agent: Agent, key: str) -> None:
        with real.service.client() as client:
            shown = client.get(f"/agents/{agent.name}/terminal").json()
        # Its path is too long for a socket's name.
        folder, socket = os.path.split(shown["socket"])
        words = ["tmux", "-S", socket, "send-keys", "-t", shown["session"], key]
        subprocess.run(words, cwd=folder, check=True)

    def drive(self, agent: Agent, mode: str) -> None:
        agent.change(commMode=mode)
        agent.form = Form.TERMINAL if mode == "tmux" else Form.WARM

    def assert_asked(self, real: Real, *texts: str) -> None:
        """One of the CLI's requests to its model holds all of `texts`."""
        bodies = [str(request["body"]) for request in real.model.requests()]
        assert any(all(text in body for text in texts) for body in bodies)
