"""What every real CLI that asks must do with the answer, and after its end without one."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from recorder.models import Reply, Shell
from textual.widgets import Static

from agent_runner.client.events import Watcher
from agent_runner.tui.app import Tui
from agent_runner.tui.chooser import Chooser
from tests.cli.test_commands import call
from tests.real.cases import says, succeeded
from tests.real.world import PATIENCE_S, Agent, Pending, Real, wait_until

COUNTS = "echo ran >> count.txt"


def asks(command: str = COUNTS) -> Reply:
    return Reply([Shell(command)])


def ran(agent: Agent) -> int:
    """How often the command did run."""
    file = agent.cwd / "count.txt"
    return file.read_text().count("ran") if file.exists() else 0


async def press_a(real: Real, approval: dict[str, Any]) -> None:
    """Approve in the terminal UI."""
    async with Watcher(real.service.url, real.service.token) as watcher:
        app = Tui(watcher, by="ann")
        async with app.run_test(size=(140, 45)) as pilot:
            table, shown = app.query_one(Chooser), app.query_one("#question", Static)
            with anyio.fail_after(PATIENCE_S):
                while not table.row_count:
                    await pilot.pause(0.05)
                await pilot.press("down")
                while COUNTS not in str(shown.render()):
                    await pilot.pause(0.05)
                await pilot.press("a")
                while table.row_count:
                    await pilot.pause(0.05)


class ApprovalRequest:
    """Begins what asks, finds the question, decides."""

    def begin(self, real: Real, name: str, *replies: Reply, **options: Any) -> tuple[Agent, Any]:
        agent = real.agent(name, **options)
        return agent, agent.begin("do it", *replies)

    def open(self, real: Real, agent: Agent) -> list[dict[str, Any]]:
        """The agent's open questions."""
        with real.service.client() as client:
            query = {"state": "pending", "agentId": agent.name}
            found: list[dict[str, Any]] = client.get("/approvals", params=query).json()["approvals"]
        return found

    def pending(self, real: Real, agent: Agent, run: Pending | None = None) -> dict[str, Any]:
        """What the agent's run asks, once it does."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = self.open(real, agent)
            return bool(found) or (run is not None and run.over())

        wait_until(look, "the question")
        assert found, run.finish().body if run else ""
        return found[0]

    def decide(self, real: Real, approval: dict[str, Any], **fields: Any) -> dict[str, Any]:
        body = {"decision": "approve", "inputHash": approval["inputHash"], **fields}
        with real.service.client() as client:
            response = client.post(f"/approvals/{approval['approvalId']}/decide", json=body)
        assert response.status_code == 200, response.text
        record: dict[str, Any] = response.json()
        return record

    def assert_rejected(self, real: Real, turn: Any) -> None:
        raise NotImplementedError


class ApprovalCases(ApprovalRequest):
    """Warm processes only: a one-shot form refuses what it may not do by itself."""

    @pytest.mark.parametrize("way", ["http", "cli", "tui"])
    def test_approved(self, warm: Real, way: str) -> None:
        agent, run = self.begin(warm, f"approved-{way}", asks(), says("Done."))
        approval = self.pending(warm, agent, run)
        assert approval["hints"]["command"] == COUNTS
        assert ran(agent) == 0
        if way == "http":
            self.decide(warm, approval)
        elif way == "cli":
            code, _, err = call(warm.service, "approvals", "approve", approval["approvalId"])
            assert code == 0, err
        else:
            anyio.run(press_a, warm, approval)
        turn = run.finish()
        assert succeeded(turn)
        assert turn.run["content"] == "Done."
        assert ran(agent) == 1

    def test_rejected(self, warm: Real) -> None:
        agent, run = self.begin(warm, "rejected", asks(), says("Carried on."))
        approval = self.pending(warm, agent, run)
        self.decide(warm, approval, decision="reject", message="Not on a Saturday.")
        turn = run.finish()
        assert ran(agent) == 0
        self.assert_rejected(warm, turn)

    def test_for_the_session(self, warm: Real) -> None:
        agent, run = self.begin(warm, "session", asks(), says("Once."))
        approval = self.pending(warm, agent, run)
        assert "session" in approval["features"]
        self.decide(warm, approval, scope="session")
        assert succeeded(run.finish())
        assert succeeded(agent.turn("again", asks(), says("Twice.")))
        assert ran(agent) == 2

    @pytest.mark.timeout(240)  # a Gemini session settles
    @pytest.mark.parametrize("way", ["service killed", "cli killed", "service stopped"])
    def test_nobody_is_there_to_hear_the_answer(self, warm: Real, way: str) -> None:
        agent = warm.agent(way.replace(" ", "-"))
        assert succeeded(agent.turn("the first prompt", says("The first answer.")))
        run = agent.begin("do it", asks())
        approval = self.pending(warm, agent, run)
        if way == "cli killed":
            warm.kill_cli(agent.name)
        else:
            if way == "service killed":
                warm.service.process.kill()
                warm.service.process.wait()
            run.abandon()
            warm.service.stop()
            wait_until(lambda: warm.processes() == [], "nothing is left", 15)
            warm.service.start()
        assert self.pending(warm, agent) == approval
        assert ran(agent) == 0
        warm.model.script([asks(), says("Done after all.")])
        self.decide(warm, approval)
        wait_until(lambda: agent.last_run()["finishedAt"] is not None, "the end of the run", 120)
        last = agent.last_run()
        assert (last["status"], last["content"]) == ("succeeded", "Done after all."), last
        assert ran(agent) == 1
        bodies = [json.dumps(request["body"]) for request in warm.model.requests()]
        assert any(
            "The first answer." in body and "Make this call again" in body for body in bodies
        )
        with warm.service.client() as client:
            record = client.get(f"/approvals/{approval['approvalId']}").json()
        assert (record["state"], record["delivery"]) == ("approved", "delivered")
        warm.model.script([says("Still here.")])
        assert warm.service.run("go on", agent.name).json()["content"] == "Still here."
