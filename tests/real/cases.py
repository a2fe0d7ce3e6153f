"""What every real CLI must do in both forms. Each module of tests runs this for one CLI."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from recorder.cases.shared import WAIT, fails
from recorder.models import Reply, Shell, Sleep, Text, Write
from recorder.models.script import filler

from agent_runner.agents.base import Form
from tests.real.world import GRACE_MS, Agent, Real, Turn, wait_until

BIG = 5_000_000
LONG_S = 2.5
"""Longer than any key of a UI is waited for before it is pressed again."""


def says(text: str) -> Reply:
    return Reply([Text(text)])


def succeeded(turn: Turn) -> bool:
    assert (turn.status, turn.run["status"]) == (200, "succeeded"), json.dumps(turn.body)
    return True


def asked(real: Real) -> bool:
    """True once the CLI has sent the prompt to its model."""
    return any(request["method"] == "POST" for request in real.model.requests())


class RealCases:
    """The cases that the CLIs have in common; `big` is how long the longest answer is."""

    big = BIG

    def test_text(self, real: Real) -> None:
        turn = real.agent("text").turn("hello", Reply([Text("Hello "), Text("from the model.")]))
        assert succeeded(turn)
        assert turn.run["content"] == turn.text == "Hello from the model."
        assert turn.run["sessionId"] == turn.of("session.started")[0]["sessionId"]
        assert turn.run["cliVersion"] == real.cli.version
        assert turn.run["usage"]["inputTokens"] > 0
        started = turn.of("run.started")[0]
        assert not started.get("reused", False)

    def test_tools(self, real: Real) -> None:
        agent = real.agent("tools", **real.cli.tools)
        turn = agent.turn(
            "make two files",
            Reply([Text("Writing."), Write(f"{agent.cwd}/out.txt", "written\n")]),
            Reply([Shell("cat a.txt > copy.txt")]),
            says("Done."),
        )
        assert succeeded(turn)
        assert turn.run["content"] == "Done."
        assert (agent.cwd / "out.txt").read_text() == "written\n"
        assert (agent.cwd / "copy.txt").read_text() == "alpha\nbeta\n"
        done = {event["toolCallId"]: event["status"] for event in turn.of("tool.completed")}
        assert len(done) == 2
        assert set(done.values()) == {"completed"}
        assert {event["toolCallId"] for event in turn.of("tool.started")} == set(done)
        changed = [event["path"] for event in turn.of("file.changed")]
        assert changed == [str(agent.cwd / "out.txt")]

    @pytest.mark.parametrize("code", ["auth_required", "model_not_found"])
    def test_error(self, real: Real, code: str) -> None:
        agent = real.agent(code.replace("_", "-"))
        status, message = {
            "auth_required": (401, "the key is bad"),
            "model_not_found": (404, real.cli.no_model),
        }[code]
        turn = agent.turn("hello", fails(status, message))
        assert turn.run["status"] == "failed"
        assert turn.body["code"] == turn.run["code"] == code
        assert turn.status == {"auth_required": 503, "model_not_found": 200}[code]
        assert turn.run["error"]
        if real.form is not Form.ONE_SHOT:
            # A refused login ends the process: the next one loads the session.
            agent.reset_circuit()
            assert succeeded(agent.turn("again", says("Still here.")))

    def test_second_turn(self, real: Real) -> None:
        agent = real.agent("second")
        first = agent.turn("the first prompt", says("The first answer."))
        assert succeeded(first)
        turn = agent.turn("the second prompt", says("The second answer."))
        assert succeeded(turn)
        if real.form is Form.ONE_SHOT and not real.cli.resumes:
            self.assert_quarantined(turn, first)
            return
        assert turn.run["content"] == turn.text == "The second answer."
        self.assert_remembers(real, "the first prompt", "The first answer.", "the second prompt")
        assert turn.run["sessionId"] == first.run["sessionId"]
        reused = turn.of("run.started")[0].get("reused", False)
        assert reused is (real.form is not Form.ONE_SHOT)

    def test_gone_on_with_by_hand(self, real: Real) -> None:
        """The model hears both of what we said and of what somebody said in their terminal."""
        if not real.cli.by_hand:
            pytest.skip("nothing is known of how, or where it tells of that")
        agent = real.agent("by-hand")
        first = agent.turn("remember APPLES", says("I know APPLES."))
        assert succeeded(first)
        agent.by_hand("remember PEARS", first.run["sessionId"], says("I know PEARS."))
        agent.heard_by_hand(("inbound", "remember PEARS"), ("outbound", "I know PEARS."))
        turn = agent.turn("what do you know?", says("Both."))
        assert succeeded(turn)
        assert turn.run["sessionId"] == first.run["sessionId"]
        self.assert_remembers(real, "APPLES", "PEARS", "I know PEARS.", "what do you know?")
        assert len(turn.of("session.continued_elsewhere")) == 1
        assert succeeded(agent.turn("and again", says("Still both.")))

    def test_restart(self, real: Real) -> None:
        """Another process goes on with the session, after the service was away."""
        agent = real.agent("restart")
        first = agent.turn("the first prompt", says("The first answer."))
        assert succeeded(first)
        real.stop()
        real.service.start()
        turn = agent.turn("the second prompt", says("The second answer."))
        assert succeeded(turn)
        if real.form is Form.ONE_SHOT and not real.cli.resumes:
            self.assert_quarantined(turn, first)
            return
        assert turn.run["content"] == turn.text == "The second answer."
        self.assert_remembers(real, "the first prompt", "The first answer.", "the second prompt")
        assert turn.run["sessionId"] == first.run["sessionId"]
        assert not turn.of("run.started")[0].get("reused", False)

    @pytest.mark.parametrize("moment", ["tool", "stream"])
    def test_cancel(self, real: Real, moment: str) -> None:
        agent = real.agent(f"cancel-{moment}", **real.cli.tools)
        if moment == "tool":
            pending = agent.begin("run it", Reply([Shell(WAIT)]), says("Never said."))
            wait_until(lambda: real.runs_command(WAIT) or pending.over(), "the command runs")
        else:
            pending = agent.begin("say it", Reply([Text("Before the stall. "), Sleep(600)]))
            wait_until(lambda: asked(real) or pending.over(), "the model is asked")
            time.sleep(0.5)  # the CLI reads what came before the stall
        assert not pending.over(), pending.finish().body
        begun = time.monotonic()
        agent.cancel()
        turn = pending.finish()
        assert time.monotonic() - begun < GRACE_MS / 1000 + 1
        assert (turn.run["status"], turn.run["code"]) == ("cancelled", "cancelled")
        wait_until(lambda: not real.runs_command(WAIT), "the command is gone", 5)
        self.go_on(real, agent)
        real.stop()
        real.service.start()

    @pytest.mark.timeout(180)  # a Gemini session settles
    def test_cancel_before_another_prompt(self, real: Real) -> None:
        """What ends a run does nothing to the one that waits behind it, however long that takes."""
        agent = real.agent("behind", **real.cli.tools)
        # Twice: one that is killed may ask its model once more before it dies.
        slow = Reply([Sleep(LONG_S), Text("Unhurt.")])
        real.model.script([Reply([Shell(WAIT)]), slow, slow])
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(agent.execute, "run it")
            wait_until(lambda: real.runs_command(WAIT) or first.done(), "the command runs")
            second = pool.submit(agent.execute, "go on")
            wait_until(lambda: agent.last_run()["status"] == "queued", "the second waits")
            agent.cancel()
            assert first.result()["code"] == "cancelled"
            assert second.result()["content"] == "Unhurt.", second.result()

    @pytest.mark.timeout(180)  # a Gemini session settles
    @pytest.mark.parametrize("way", ["cli killed", "timed out", "service killed"])
    def test_end_in_a_tool(self, real: Real, way: str) -> None:
        """However a run ends in the middle of a command, nothing is left and the next goes on."""
        agent = real.agent(way.replace(" ", "-"), **real.cli.tools)
        assert succeeded(agent.turn("the first prompt", says("The first answer.")))
        if way == "timed out":
            agent.change(timeouts={"commandMs": 3000})
        pending = agent.begin("run it", Reply([Shell(WAIT)]), says("Never said."))
        wait_until(lambda: real.runs_command(WAIT) or pending.over(), "the command runs")
        time.sleep(real.cli.tells_after_s)
        if way == "cli killed":
            real.kill_cli(agent.name)
        elif way == "service killed":
            real.service.process.kill()
            real.service.process.wait()
        wait_until(lambda: not real.runs_command(WAIT), "the command is gone", 15)
        if way == "service killed":
            wait_until(lambda: real.processes() == [], "nothing is left", 2)
            pending.abandon()
            real.service.stop()
            real.service.start()
            assert agent.last_run()["status"] == "interrupted"
        else:
            turn = pending.finish()
            ends = {"cli killed": ("failed", "cli_killed"), "timed out": ("timed_out",) * 2}
            assert (turn.run["status"], turn.run["code"]) == ends[way]
        agent.change(timeouts=None)
        real.model.script([says("Still here.")])
        answer = agent.execute("go on")
        assert answer["content"] == "Still here.", json.dumps([answer, real.model.requests()])
        if real.form is Form.WARM or real.cli.resumes:
            self.assert_remembers(real, "the first prompt", "The first answer.", "go on")

    def go_on(self, real: Real, agent: Agent) -> None:
        """After a cancelled run the conversation takes the next prompt."""
        turn = agent.turn("go on", says("Still here."))
        assert succeeded(turn)
        assert turn.run["content"] == "Still here."

    def test_a_big_answer(self, real: Real) -> None:
        turn = real.agent("big").turn("say much", Reply([Text(size=self.big, chunk=16_384)]))
        assert succeeded(turn)
        whole = filler(self.big)
        assert turn.run["content"] == whole
        assert turn.text == whole
        deltas = "".join(event["text"] for event in turn.of("message.delta"))
        assert deltas in ("", whole)

    def assert_quarantined(self, turn: Turn, first: Turn) -> None:
        """The session could not be resumed: a new one was started, and the stream says so."""
        (event,) = turn.of("session.quarantined")
        assert event["sessionId"] == first.run["sessionId"]
        assert turn.run["sessionId"] != first.run["sessionId"]

    def assert_remembers(self, real: Real, *texts: str) -> None:
        """One of the CLI's requests of the last turn holds all of `texts`."""
        bodies = [json.dumps(request["body"]) for request in real.model.requests()]
        assert any(all(text in body for text in texts) for body in bodies)
