"""Claude Code's helpers work on after the answer: each pinned version, in both forms."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorder.manifest import load
from recorder.models import Reply, Shell, Sleep, Text, Tool

from agent_runner.agents.base import Form
from tests.api.test_background import events, told, waiting
from tests.real.clis import CLAUDE
from tests.real.conftest import started
from tests.real.world import Real, wait_until

pytestmark = pytest.mark.real

VERSIONS = [cli.version for cli in load() if cli.agent == CLAUDE.agent]
LOOK = {
    "description": "look",
    "prompt": "Look around.",
    "subagent_type": "general-purpose",
    "run_in_background": True,
}
REPLIES = [
    Reply([Tool("Agent", LOOK)], match="hello"),
    Reply([Sleep(2.0), Shell("touch made.txt && ls")], match="Look around."),
    Reply([Text("The helper works.")], match="launched"),
    Reply([Text("All is green.")], match="made.txt"),
    Reply([Text("The helper says: all is green.")], match="task-notification"),
    Reply([Text("Again.")], match="again"),
]


def decide(real: Real, approval: dict[str, Any]) -> None:
    with real.service.client() as client:
        answer = client.post(
            f"/approvals/{approval['approvalId']}/decide",
            json={"decision": "approve", "inputHash": approval["inputHash"]},
        )
    assert answer.status_code == 200, answer.text
    assert answer.json()["delivery"] == "delivered"


@pytest.mark.parametrize("form", [Form.WARM, Form.ONE_SHOT], ids=str)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_helper_that_asks_after_its_parents_answer(
    programs: Mapping[str, Path], version: str, form: Form
) -> None:
    cli = replace(CLAUDE, version=version)
    with started(cli, form, {cli.agent: programs[f"{cli.agent}@{version}"]}) as real:
        # It would be idle long before its helper asks.
        agent = real.agent("one", timeouts={"sessionIdleMs": 500})
        real.model.script(REPLIES)
        first = agent.execute("hello")
        assert (first["content"], first["success"]) == ("The helper works.", True), first
        approval = waiting(real.service)
        assert approval["runId"] != first["runId"]
        assert approval["tool"] == "Bash"
        path = f"/runs/{approval['runId']}"
        assert told(real.service, path)["status"] == "waiting_approval"
        decide(real, approval)
        wait_until(lambda: told(real.service, path)["finishedAt"] is not None, "its end")
        run = told(real.service, path)
        assert (run["status"], run["content"]) == ("succeeded", "The helper says: all is green.")
        assert (run["trigger"], run["causedBy"]) == ("background", first["runId"])
        assert (run["cliVersion"], run["form"]) == (version, form)
        assert run["costUsd"] > 0
        assert run["usage"]["outputTokens"] > 0
        assert (agent.cwd / "made.txt").exists()
        wait_until(lambda: real.processes() == [], "the idle process is gone")
        second = agent.execute("again")
        assert (second["content"], second["success"]) == ("Again.", True)
        page = told(real.service, f"/conversations/{first['conversationId']}")
        assert [turn["content"] for turn in page["turns"]] == [
            "hello",
            "The helper works.",
            "The helper says: all is green.",
            "again",
            "Again.",
        ]
        assert second["sessionId"] == first["sessionId"]
        seen = events(real.service, first["conversationId"])
        kinds = [event["type"] for event in seen]
        assert not {"unknown", "parse_error", "oversize", "background.lost"} & set(kinds)
        codes = [event.get("code") for event in seen]
        assert "late_output" not in codes
        assert [e["data"] for e in seen if e.get("code") == "drift"] == []
        ends = [event["toolCallId"] for event in seen if event["type"] == "tool.completed"]
        assert len(ends) == len(set(ends)) == 2
        if form is Form.WARM:
            closed = [event["reason"] for event in seen if event["type"] == "session.closed"]
            assert closed[0] == "idle_closed"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kill_while_a_helper_asks(programs: Mapping[str, Path], version: str) -> None:
    cli = replace(CLAUDE, version=version)
    with started(cli, Form.WARM, {cli.agent: programs[f"{cli.agent}@{version}"]}) as real:
        agent = real.agent("one")
        real.model.script(REPLIES)
        first = agent.execute("hello")
        approval = waiting(real.service)
        real.service.restart(signal.SIGKILL)
        assert real.processes() == []
        run = told(real.service, f"/runs/{approval['runId']}")
        assert (run["status"], run["trigger"]) == ("interrupted", "background")
        assert told(real.service, f"/approvals/{approval['approvalId']}")["state"] == "voided"
        seen = events(real.service, first["conversationId"])
        (lost,) = [event for event in seen if event["type"] == "background.lost"]
        assert lost["reason"] == "crash"
        assert [task["title"] for task in lost["tasks"]] == ["look"]
        assert not (agent.cwd / "made.txt").exists()
        # The CLI itself tells its model what became of the helper, before the prompt.
        real.model.script([Reply([Text("Again.")], times=0)])
        second = agent.execute("again")
        assert (second["content"], second["success"]) == ("Again.", True)
        assert second["sessionId"] == first["sessionId"]
