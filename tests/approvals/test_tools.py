"""Supervised tools: they ask, are ended, and are started again with the answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_runner.agents.attachments import Attachment
from agent_runner.api.context import Context
from agent_runner.runners.cli_process import CliProcess
from conversation_store.records import AgentRecord
from conversation_store.states import Delivery, RunState, is_terminal
from tests.conftest import Serving
from tests.helpers.asking import approve, events_of, pending, reject, types
from tests.helpers.trial import LONGEST_S, add_agent, ended, start, until

pytestmark = pytest.mark.anyio

CLEAN_UP = Path(__file__).parents[1] / "tools" / "clean_up.py"

DEPLOY = """
import json, os, sys
from agent_runner import emitter
with open(sys.argv[1], "a") as log:
    log.write(json.dumps([sys.argv[2:], sys.stdin.read()]) + "\\n")
print("planning")
where = emitter.request_approval("Deploy where?", ["staging", "production"], {"version": 7})
print(f"deployed to {where}")
if where == "production":
    emitter.request_approval("Tell everybody?", None, {"version": 7})
    print("told")
"""


async def tool(context: Context, cwd: Path, program: str, **more: Any) -> tuple[AgentRecord, Path]:
    log = cwd / "starts"
    (cwd / "tool.py").write_text(program)
    command = [sys.executable, str(cwd / "tool.py"), str(log), "--fast"]
    return await add_agent(context, "tool", "custom", cwd, command=command, **more), log


def starts(log: Path) -> list[Any]:
    return [json.loads(line) for line in log.read_text().splitlines()]


async def test_a_tool_asks_twice_and_ends_well(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent, log = await tool(context, tmp_path, DEPLOY)
        active = await start(context, agent, "version 7")
        first = await pending(context, active.run_id)
        assert (first.kind, first.question) == ("tool", "Deploy where?")
        assert first.input["context"] == {"version": 7}
        assert [option["optionId"] for option in first.options] == ["staging", "production"]
        decision = approve(first, option_id="production")
        await context.approvals.decide(first.approval_id, decision)
        second = await pending(context, active.run_id)
        assert second.question == "Tell everybody?"
        await context.approvals.decide(second.approval_id, approve(second))
        outcome = await ended(active)
        assert (outcome.state, outcome.answer) == (
            "succeeded",
            "planning\ndeployed to production\ntold",
        )
        events = await events_of(context, active.run_id)
        records = await context.store.approvals.of_run(active.run_id)
    assert starts(log) == [
        [["--fast"], "version 7"],
        [["--fast", "--approval-id", first.approval_id], "version 7"],
        [["--fast", "--approval-id", second.approval_id], "version 7"],
    ]
    assert [record.delivery for record in records] == [Delivery.DELIVERED] * 2
    assert types(events, "approval.")[:3] == [
        "approval.requested",
        "approval.resolved",
        "approval.delivery",
    ]


async def test_a_rejected_tool_is_not_started_again(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent, log = await tool(context, tmp_path, DEPLOY)
        active = await start(context, agent, "version 7")
        asked = await pending(context, active.run_id)
        await context.approvals.decide(asked.approval_id, reject(message="not today"))
        outcome = await ended(active)
    assert (outcome.state, outcome.code) == ("failed", "approval_rejected")
    assert "not today" in (outcome.error or "")
    assert len(starts(log)) == 1


async def test_a_question_outlives_the_service(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent, log = await tool(context, tmp_path, DEPLOY)
        active = await start(context, agent, "version 7")
        asked = await pending(context, active.run_id)
    async with serving() as context:
        await context.approvals.decide(asked.approval_id, approve(asked, option_id="staging"))
        with anyio.fail_after(LONGEST_S):
            while not is_terminal((run := await context.store.runs.get(active.run_id)).state):
                await anyio.sleep(0.005)
        assert run.state is RunState.SUCCEEDED
    assert len(starts(log)) == 2


async def test_a_tool_that_waits_by_itself_is_ended(serving: Serving, tmp_path: Path) -> None:
    """A script without the emitter, which neither exits nor reads the answer's variables well."""
    program = """
import os, sys, time
open(sys.argv[1], "a").write("[]\\n")
if os.environ.get("AGENT_RUNNER_APPROVAL_DECISION") != "approve":
    sys.stderr.write('{"event":"approval_needed","question":"Go on?"}\\n')
    sys.stderr.flush()
    time.sleep(600)
print(os.environ["AGENT_RUNNER_APPROVAL_ID"] in sys.argv)
"""
    async with serving(cancel_grace_ms=200) as context:
        agent, log = await tool(context, tmp_path, program)
        active = await start(context, agent, "x")
        asked = await pending(context, active.run_id)
        await context.approvals.decide(asked.approval_id, approve(asked))
        outcome = await ended(active)
    assert (outcome.state, outcome.answer) == ("succeeded", "True")
    assert len(starts(log)) == 2


@pytest.mark.parametrize("program", ["print('said')", "emitter.request_approval('said')"])
async def test_a_tool_may_be_gone_before_anybody_listens(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """The service had no processor time since the tool's start, and loses nothing."""
    monkeypatch.setattr("agent_runner.runners.stdout.QUIET_S", 0.05)
    go = CliProcess.go

    async def slow(live: CliProcess, prompt: str, attachments: list[Attachment]) -> None:
        await go(live, prompt, attachments)
        await until(lambda: live.exit_code is not None)
        with anyio.move_on_after(0.3):
            await live.gone.wait()

    monkeypatch.setattr(CliProcess, "go", slow)
    async with serving() as context:
        agent, _ = await tool(context, tmp_path, f"from agent_runner import emitter\n{program}")
        active = await start(context, agent, "x")
        if program.startswith("emitter"):
            assert (await pending(context, active.run_id)).question == "said"
        else:
            assert (await ended(active)).answer == "said"


async def test_secrets_are_masked_in_what_each_start_prints(
    serving: Serving, tmp_path: Path
) -> None:
    program = """
import os
from agent_runner import emitter
print("the key is", os.environ["DEPLOY_TOKEN"], flush=True)
emitter.request_approval("Go on?")
"""
    secret = "very-secret-token-1234567890"
    async with serving() as context:
        agent, _ = await tool(context, tmp_path, program, env={"DEPLOY_TOKEN": secret})
        active = await start(context, agent, "x")
        asked = await pending(context, active.run_id)
        await context.approvals.decide(asked.approval_id, approve(asked))
        assert (await ended(active)).state == "succeeded"
        printed = (context.raw_dir / f"{active.run_id}.stdout").read_text()
        events = await events_of(context, active.run_id)
    lines = printed.splitlines()
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert secret not in printed + json.dumps(events)


async def test_malformed_events_are_kept_and_the_tool_goes_on(
    serving: Serving, tmp_path: Path
) -> None:
    program = """
import sys
sys.stderr.write('{"event":"heartbeat"}\\n')
sys.stderr.write('{"event":"approval_needed","question":7}\\n')
sys.stderr.write('{"event":"approval_needed"\\n')
sys.stderr.write('{"event":"something else"}\\nplain text\\n')
print("went on")
"""
    async with serving() as context:
        agent, _ = await tool(context, tmp_path, program)
        active = await start(context, agent, "x")
        assert (await ended(active)).answer == "went on"
        events = await events_of(context, active.run_id)
        kept = (context.raw_dir / f"{active.run_id}.stderr").read_text()
    notices = [event for event in events if event["type"] == "notice"]
    assert [notice["code"] for notice in notices] == ["malformed_event"] * 2
    assert kept.count('"event"') == 4


async def test_heartbeats_have_their_deadline(serving: Serving, tmp_path: Path) -> None:
    program = """
import os, sys, time
from agent_runner import emitter
with emitter.heartbeats(0.05):
    time.sleep(1.2)
print(os.environ["AGENT_RUNNER_HEARTBEAT_MS"])
sys.stdout.flush()
if sys.stdin.read() == "stop beating":
    time.sleep(600)
"""
    limits = {"no_output_ms": 60_000, "heartbeat_grace_ms": 600, "heartbeat_interval_ms": 500}
    async with serving(**limits, cancel_grace_ms=200) as context:
        agent, _ = await tool(context, tmp_path, program)
        assert (await ended(await start(context, agent, "well"))).answer == "500"
        outcome = await ended(await start(context, agent, "stop beating"))
    assert (outcome.state, outcome.code) == ("timed_out", "stalled")


@pytest.mark.parametrize("policy", ["deny", "readonly"])
async def test_a_policy_denies_a_tool(serving: Serving, tmp_path: Path, policy: str) -> None:
    async with serving() as context:
        agent, log = await tool(context, tmp_path, DEPLOY, permissions=policy)
        outcome = await ended(await start(context, agent, "x"))
    assert (outcome.state, outcome.code) == ("failed", "permission_denied")
    assert len(starts(log)) == 1


async def test_leaving_with_ninety_without_asking_is_a_failure(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving() as context:
        agent, _ = await tool(context, tmp_path, "raise SystemExit(90)")
        outcome = await ended(await start(context, agent, "x"))
    assert (outcome.state, outcome.code) == ("failed", "cli_error")
    assert "had asked nothing" in (outcome.error or "")


async def test_the_script_of_the_runbook_goes_through_to_its_end(
    serving: Serving, tmp_path: Path
) -> None:
    backups = tmp_path / "backups"
    backups.mkdir()
    for number in range(5):
        (backups / f"{number}.bak").touch()
    command = [sys.executable, str(CLEAN_UP), str(backups), "--keep", "2"]
    async with serving() as context:
        agent = await add_agent(context, "tool", "custom", tmp_path, command=command)
        active = await start(context, agent, "x")
        asked = await pending(context, active.run_id)
        assert asked.question == "Remove 3 of 5 backups?"
        assert len(list(backups.iterdir())) == 5
        await context.approvals.decide(asked.approval_id, approve(asked, option_id="remove"))
        assert (await ended(active)).state == "succeeded"
    assert sorted(path.name for path in backups.iterdir()) == ["3.bak", "4.bak"]


async def test_a_script_that_knows_nothing_of_us_goes_through_under_the_wrapper(
    serving: Serving, tmp_path: Path
) -> None:
    """It is silent for longer than the service would wait, and asks nothing."""
    script = tmp_path / "silent.sh"
    script.write_text('read prompt\nsleep 2.5\necho "did $prompt"\n')
    plain = ["sh", str(script)]
    wrapped = [sys.executable, "-m", "agent_runner.supervised", "--every", "0.1", "--", *plain]
    async with serving(no_output_ms=2000, start_ms=2000, cancel_grace_ms=200) as context:
        for name, command, state in (("bare", plain, "timed_out"), ("wrap", wrapped, "succeeded")):
            agent = await add_agent(context, name, "custom", tmp_path, command=command)
            outcome = await ended(await start(context, agent, "it all\n"))
            assert (outcome.state, outcome.answer) == (
                state,
                "did it all" if state == "succeeded" else None,
            ), name
