"""Whoever asked is gone: the approval stays, and what was approved runs once, later."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_runner import wire
from agent_runner.api.context import Context
from conversation_store.records import AgentRecord, ApprovalRecord, CircuitRecord
from conversation_store.states import ApprovalState, Delivery, RunState
from tests.conftest import Serving
from tests.helpers.asking import (
    COMMAND,
    approve,
    asked,
    events_of,
    over,
    pending,
    question,
    ran,
    reject,
    types,
)
from tests.helpers.trial import CLAUDE, LONGEST_S, WARM, Way, add_agent, ended, start

pytestmark = pytest.mark.anyio


async def remembering(context: Context, way: Way, cwd: Path, **more: Any) -> AgentRecord:
    """An agent whose CLI goes on, when it is resumed, with what it had left to do."""
    memory = cwd / "memory"
    memory.mkdir(exist_ok=True)
    env = {"SCRIPTED_MEMORY": str(memory)}
    return await add_agent(context, "worker", way.agent_type, cwd, env=env, **more)


async def gone(context: Context, pid: int) -> None:
    with anyio.fail_after(LONGEST_S):
        while any(live.pid == pid for live in context.runner.living):
            await anyio.sleep(0.005)


async def left_by_a_crash(
    serving: Serving, cwd: Path, way: Way, log: Path, **limits: Any
) -> ApprovalRecord:
    """An approval of a run whose service stopped while it waited."""
    async with serving(**limits) as context:
        agent = await remembering(context, way, cwd)
        _, approval = await asked(context, agent, question(log))
    return approval


@pytest.mark.parametrize("way", WARM)
async def test_the_cli_dies_while_it_waits(serving: Serving, tmp_path: Path, way: Way) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        agent = await remembering(context, way, tmp_path)
        active, approval = await asked(context, agent, question(log))
        assert active.process is not None
        os.kill(active.process.pid, signal.SIGKILL)
        await gone(context, active.process.pid)
        run = await context.store.runs.get(active.run_id)
        assert run.state is RunState.WAITING_APPROVAL
        await context.approvals.decide(approval.approval_id, approve(approval))
        outcome = await ended(active)
        assert (outcome.state, outcome.answer) == ("succeeded", "went on")
        record = await context.store.approvals.get(approval.approval_id)
        events = await events_of(context, active.run_id)
        assert len(await context.store.approvals.of_run(active.run_id)) == 1
    assert ran(log) == [COMMAND]
    assert (record.delivery, record.delivery_attempts) == (Delivery.DELIVERED, 1)
    resolved = [event for event in events if event["type"] == "permission.resolved"]
    assert [event["decidedBy"] for event in resolved] == ["grant"]
    assert types(events, "approval.") == [
        "approval.requested",
        "approval.resolved",
        "approval.delivery",
        "approval.delivery",
    ]


@pytest.mark.parametrize("way", WARM)
async def test_the_service_stops_while_a_run_waits(
    serving: Serving, tmp_path: Path, way: Way
) -> None:
    log = tmp_path / "log"
    approval = await left_by_a_crash(serving, tmp_path, way, log)
    assert ran(log) == []
    async with serving() as context:
        assert context.reconciliation.runs_held == 1
        again = await pending(context, approval.run_id)
        assert again == approval
        await context.approvals.decide(approval.approval_id, approve(approval))
        run = await over(context, approval.run_id)
        assert run.state is RunState.SUCCEEDED
        turns = await context.store.conversations.turns_of_run(approval.run_id)
        assert [turn.content for turn in turns if turn.direction == "outbound"] == ["went on"]
    assert ran(log) == [COMMAND]


async def test_a_decision_that_nobody_carried_out_is_carried_out_at_the_next_start(
    serving: Serving, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    approval = await left_by_a_crash(serving, tmp_path, WARM[0].values[0], log)
    async with serving() as context:
        # Committed, and the service stops before a process was started for it.
        await context.store.approvals.decide(
            approval.approval_id,
            ApprovalState.APPROVED,
            approve(approval).content(approve=True),
            by="ann",
            via="http",
            reason=None,
            delivered=False,
            now=approval.created_at,
        )
    async with serving() as context:
        assert (await over(context, approval.run_id)).state is RunState.SUCCEEDED
    assert ran(log) == [COMMAND]


async def test_a_rejected_run_ends_without_a_process(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    approval = await left_by_a_crash(serving, tmp_path, WARM[0].values[0], log)
    async with serving() as context:
        await context.approvals.decide(approval.approval_id, reject(message="never"))
        run = await over(context, approval.run_id)
        assert (run.state, run.code) == (RunState.FAILED, "approval_rejected")
        assert "never" in (run.error or "")
        agent = await context.store.agents.get("worker")
        after = await start(context, agent, [{"text": "on"}])
        assert (await ended(after)).state == "succeeded"
    assert ran(log) == []


async def test_an_approval_expires_while_the_service_is_down(
    serving: Serving, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    way = WARM[0].values[0]
    approval = await left_by_a_crash(serving, tmp_path, way, log, expires_ms=400)
    await anyio.sleep(0.5)
    async with serving() as context:
        run = await over(context, approval.run_id)
        assert (run.state, run.code) == (RunState.FAILED, "approval_expired")
    assert ran(log) == []


async def test_a_held_run_can_be_cancelled(serving: Serving, tmp_path: Path) -> None:
    approval = await left_by_a_crash(serving, tmp_path, WARM[0].values[0], tmp_path / "log")
    async with serving() as context:
        await context.runs.cancel("worker", None)
        assert (await over(context, approval.run_id)).state is RunState.CANCELLED
        voided = await context.store.approvals.get(approval.approval_id)
        assert voided.state is ApprovalState.VOIDED


async def test_a_held_run_keeps_its_agent(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    approval = await left_by_a_crash(serving, tmp_path, WARM[0].values[0], log)
    async with serving() as context:
        agent = await context.store.agents.get("worker")
        second = await start(context, agent, "second")
        assert second.started_at is None
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(second)).answer == "echo: second"
        assert (await context.store.runs.get(approval.run_id)).state is RunState.SUCCEEDED


async def test_a_cli_that_waits_for_long_is_ended_and_resumed(
    serving: Serving, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with serving(hold_ms=200) as context:
        agent = await remembering(context, WARM[0].values[0], tmp_path)
        active, approval = await asked(context, agent, question(log))
        assert active.process is not None
        await gone(context, active.process.pid)
        assert not active.done.is_set()
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(active)).answer == "went on"
    assert ran(log) == [COMMAND]


async def test_another_call_than_the_approved_one_asks_anew(
    serving: Serving, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    approval = await left_by_a_crash(serving, tmp_path, WARM[0].values[0], log)
    # What the session goes on with is another call with the same tool.
    (memory,) = (tmp_path / "memory").iterdir()
    memory.write_text(memory.read_text().replace("made.txt", "other.txt"))
    other = {"command": "touch other.txt"}
    async with serving() as context:
        await context.approvals.decide(approval.approval_id, approve(approval))
        asked_anew = await pending(context, approval.run_id)
        assert asked_anew.input == other
        assert ran(log) == []
        await context.approvals.decide(asked_anew.approval_id, approve(asked_anew))
        assert (await over(context, approval.run_id)).state is RunState.SUCCEEDED
        first = await context.store.approvals.get(approval.approval_id)
    assert ran(log) == [other]
    assert first.delivery is Delivery.FAILED
    assert "not make this call again" in (first.delivery_error or "")


async def test_the_approved_call_is_let_through_once(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        agent = await remembering(context, WARM[0].values[0], tmp_path)
        twice = [question(log)[0], *question(log)]
        active, approval = await asked(context, agent, twice)
        assert active.process is not None
        os.kill(active.process.pid, signal.SIGKILL)
        await gone(context, active.process.pid)
        await context.approvals.decide(approval.approval_id, approve(approval))
        second = await pending(context, active.run_id)
        assert second.approval_id != approval.approval_id
        assert second.input_hash == approval.input_hash
        assert ran(log) == [COMMAND]
        await context.approvals.decide(second.approval_id, reject())
        await ended(active)
    assert ran(log) == [COMMAND]


async def test_a_session_that_cannot_be_resumed_is_tried_and_given_up(
    serving: Serving, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    approval = await left_by_a_crash(serving, tmp_path, WARM[0].values[0], log)
    async with serving() as context:
        agent = await context.store.agents.get("worker")
        env = {**agent.options["env"], "SCRIPTED_NO_RESUME": "1"}
        options = {**agent.options, "env": env}
        await context.store.agents.change(
            "worker", comm_mode="headless", options=options, now=agent.updated_at
        )
    async with serving(resume_attempts=2) as context:
        await context.approvals.decide(approval.approval_id, approve(approval))
        run = await over(context, approval.run_id)
        record = await context.store.approvals.get(approval.approval_id)
    assert (run.state, run.code) == (RunState.FAILED, "resume_failed")
    assert (record.delivery, record.delivery_attempts) == (Delivery.FAILED, 2)
    assert ran(log) == []


async def test_a_held_run_does_not_ask_a_circuit_that_has_opened_since(
    serving: Serving, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    approval = await left_by_a_crash(serving, tmp_path, CLAUDE, log)
    async with serving() as context:
        retry_at = wire.later(wire.now(), 3600)
        await context.store.circuits.save(
            CircuitRecord(
                scope="type",
                name="claude-code",
                state="open",
                failures=5,
                openings=1,
                code="cli_error",
                retry_at=retry_at,
                changed_at=wire.now(),
            )
        )
    async with serving() as context:
        assert await pending(context, approval.run_id) == approval
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await over(context, approval.run_id)).state is RunState.SUCCEEDED
    assert ran(log) == [COMMAND]
