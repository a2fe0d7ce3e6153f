"""An approval is decided once, for one call, and never lost."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from agent_runner.api.context import Context
from agent_runner.errors import AgentRunnerError, DecidedError, GoneError
from agent_runner.process.identity import has_ended
from agent_runner.runs.active import ActiveRun
from conversation_store.records import AgentRecord, ApprovalRecord
from conversation_store.states import ApprovalState, Delivery, RunState
from tests.conftest import Script, Service, Serving
from tests.helpers.asking import (
    COMMAND,
    approve,
    asked,
    events_of,
    question,
    ran,
    reject,
    types,
)
from tests.helpers.trial import (
    LONGEST_S,
    WARM,
    Way,
    add_agent,
    ended,
    start,
    until,
    wait_until,
)

pytestmark = pytest.mark.anyio

OTHER = {"command": "touch other.txt"}


def asks(request_id: str, given: dict[str, Any]) -> dict[str, str]:
    """A step that prints Claude's question under this id, and waits for nothing."""
    asking = {"subtype": "can_use_tool", "tool_name": "Bash", "input": given}
    line = {"type": "control_request", "request_id": request_id, "request": asking}
    return {"line": json.dumps(line)}


def heard(path: Path) -> list[dict[str, Any]]:
    """What the CLI was told about its questions, and under which id."""
    answers = [line["response"] for line in ran(path)]
    return [{"id": answer["request_id"], **answer["response"]} for answer in answers]


async def of_run(context: Context, run_id: str, count: int) -> list[ApprovalRecord]:
    """The run's approvals, once there are so many."""
    with anyio.fail_after(LONGEST_S):
        while len(found := await context.store.approvals.of_run(run_id)) < count:
            await anyio.sleep(0.005)
    return found


@asynccontextmanager
async def held_up(active: ActiveRun, waiting: int) -> AsyncIterator[None]:
    """Let nothing of the conversation be committed before `waiting` moves queue up for it."""
    queue = active.channel._order
    async with anyio.create_task_group() as tasks:
        await queue.acquire()
        try:
            yield
            with anyio.fail_after(LONGEST_S):
                while queue.statistics().tasks_waiting < waiting:
                    await anyio.sleep(0.005)
        finally:
            queue.release()
        tasks.cancel_scope.cancel()


@pytest.mark.fault(80)
@pytest.mark.parametrize("yes_first", [True, False])
async def test_two_decide_together(serving: Serving, tmp_path: Path, yes_first: bool) -> None:
    log = tmp_path / "log"
    answers: dict[str, ApprovalRecord | AgentRunnerError] = {}
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(log))

        async def decide(decision: Any) -> None:
            try:
                answers[decision.via] = await context.approvals.decide(
                    approval.approval_id, decision
                )
            except AgentRunnerError as error:
                answers[decision.via] = error

        both = [approve(approval, by="ann", via="cli"), reject(by="bob", via="tui")]
        async with anyio.create_task_group() as tasks, held_up(active, 2):
            for decision in both if yes_first else reversed(both):
                tasks.start_soon(decide, decision)
        await ended(active)
        winner = await context.store.approvals.get(approval.approval_id)
        events = await events_of(context, active.run_id)
    (won,) = [one for one in answers.values() if isinstance(one, ApprovalRecord)]
    (lost,) = [one for one in answers.values() if isinstance(one, DecidedError)]
    assert won == winner
    assert lost.approval["decidedBy"] == winner.decided_by
    assert ran(log) == ([COMMAND] if winner.state is ApprovalState.APPROVED else [])
    assert types(events, "approval.resolved") == ["approval.resolved"]


@pytest.mark.fault(81)
@pytest.mark.parametrize("over", ["expired", "cancelled", "ended", "gone"])
async def test_a_decision_comes_too_late(serving: Serving, tmp_path: Path, over: str) -> None:
    log = tmp_path / "log"
    options = {"approvalExpiresMs": 400} if over == "expired" else {}
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path, **options)
        # At the end of its turn a CLI waits for no answer any more.
        script = [asks("q", COMMAND), {"text": "enough"}] if over == "ended" else question(log)
        active = await start(context, agent, script)
        (approval,) = await of_run(context, active.run_id, 1)
        if over == "gone":
            assert active.process is not None
            os.kill(active.process.pid, signal.SIGKILL)
            with anyio.fail_after(LONGEST_S):
                await active.process.gone.wait()
        if over in ("cancelled", "gone"):
            await context.runs.cancel("worker", None)
        await ended(active)
        code = "approval_expired" if over == "expired" else "approval_voided"
        for decision in (approve(approval), reject()):
            with pytest.raises(GoneError) as gone:
                await context.approvals.decide(approval.approval_id, decision)
            assert gone.value.code == code
        # A late answer would be taken for that to the next question of the same process.
        again, other = await asked(context, agent, question(log))
        assert (again.process is active.process) is (over != "gone")
        await context.approvals.decide(other.approval_id, reject())
        await ended(again)
    assert ran(log) == []


def send(service: Service, script: Script, name: str) -> None:
    """Have a run accepted, and leave it alone."""
    body = {"prompt": json.dumps(script)}
    with (
        service.client(Accept="text/event-stream") as client,
        client.stream("POST", f"/agents/{name}/execute", json=body) as response,
    ):
        next(response.iter_raw())


@pytest.mark.fault(82)
def test_the_service_restarts_while_a_question_is_open(service: Service, tmp_path: Path) -> None:
    log, memory = tmp_path / "log", tmp_path / "memory"
    memory.mkdir()
    for name in ("approved", "cancelled"):
        service.register(name, env={"SCRIPTED_MEMORY": str(memory)})
        send(service, question(log), name)

    def open_now() -> dict[str, dict[str, Any]]:
        with service.client() as client:
            page = client.get("/approvals", params={"state": "pending"}).json()
        return {approval["agentId"]: approval for approval in page["approvals"]}

    wait_until(lambda: len(open_now()) == 2)
    before = open_now()
    service.restart(signal.SIGKILL)
    assert open_now() == before
    with service.client() as client:
        yes, no = before["approved"], before["cancelled"]
        body = {"decision": "approve", "inputHash": yes["inputHash"]}
        assert client.post(f"/approvals/{yes['approvalId']}/decide", json=body).is_success
        assert client.post("/agents/cancelled/execute/cancel", json={}).is_success

        def over() -> bool:
            runs = [client.get(f"/runs/{one['runId']}").json() for one in (yes, no)]
            return all(run["finishedAt"] is not None for run in runs)

        wait_until(over)
        ends = [client.get(f"/approvals/{one['approvalId']}").json() for one in (yes, no)]
    assert [(end["state"], end["delivery"]) for end in ends] == [
        ("approved", "delivered"),
        ("voided", "none"),
    ]
    assert ran(log) == [COMMAND]


async def left_alone(
    context: Context, agent: AgentRecord, log: Path
) -> tuple[ActiveRun, ApprovalRecord]:
    """A run whose CLI has died while it waited for an answer."""
    active, approval = await asked(context, agent, question(log))
    assert active.process is not None
    os.kill(active.process.pid, signal.SIGKILL)
    with anyio.fail_after(LONGEST_S):
        await active.process.gone.wait()
    return active, approval


@pytest.mark.fault(83)
@pytest.mark.parametrize("way", WARM)
async def test_the_cli_dies_while_a_question_is_open(
    serving: Serving, tmp_path: Path, way: Way
) -> None:
    log, memory = tmp_path / "log", tmp_path / "memory"
    memory.mkdir()
    async with serving() as context:
        env = {"SCRIPTED_MEMORY": str(memory)}
        agent = await add_agent(context, "worker", way.agent_type, tmp_path, env=env)
        active, approval = await left_alone(context, agent, log)
        assert (await context.store.approvals.get(approval.approval_id)) == approval
        run = await context.store.runs.get(active.run_id)
        assert run.state is RunState.WAITING_APPROVAL
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(active)).answer == "went on"
        record = await context.store.approvals.get(approval.approval_id)
        assert record.delivery is Delivery.DELIVERED
        assert ran(log) == [COMMAND]
        active, approval = await left_alone(context, agent, log)
        await context.approvals.decide(approval.approval_id, reject(message="never"))
        assert (await ended(active)).code == "approval_rejected"
    assert ran(log) == [COMMAND]


@pytest.mark.fault(83)
async def test_it_is_answered_before_the_service_hears_of_its_death(
    serving: Serving, tmp_path: Path
) -> None:
    log, memory = tmp_path / "log", tmp_path / "memory"
    memory.mkdir()
    async with serving() as context:
        env = {"SCRIPTED_MEMORY": str(memory)}
        agent = await add_agent(context, "worker", "claude-code", tmp_path, env=env)
        active, approval = await asked(context, agent, question(log))
        assert active.process is not None
        keeper = psutil.Process(active.process.pid).parent()
        assert keeper is not None
        keeper.suspend()
        os.kill(active.process.pid, signal.SIGKILL)
        identity = active.process.identity
        await until(lambda: has_ended(identity.pid, identity.start_ticks))
        await context.approvals.decide(approval.approval_id, approve(approval))
        waiting = await context.store.approvals.get(approval.approval_id)
        assert waiting.delivery is Delivery.WAITING
        keeper.resume()
        assert (await ended(active)).answer == "went on"
        record = await context.store.approvals.get(approval.approval_id)
        assert record.delivery is Delivery.DELIVERED
    assert ran(log) == [COMMAND]


@pytest.mark.fault(84)
async def test_the_request_changes_after_it_was_shown(serving: Serving, tmp_path: Path) -> None:
    told, gate = tmp_path / "told", tmp_path / "gate"
    script: Script = [asks("q", COMMAND), {"wait": str(gate)}, asks("q", OTHER)]
    script += [{"hear": str(told)}, {"text": "on"}]
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, shown = await asked(context, agent, script)
        gate.touch()
        _, changed = await of_run(context, active.run_id, 2)
        assert changed.input == OTHER
        assert (await context.store.approvals.get(shown.approval_id)).state == "voided"
        with pytest.raises(GoneError):
            await context.approvals.decide(shown.approval_id, approve(shown))
        other = approve(changed, input_hash=shown.input_hash)
        with pytest.raises(AgentRunnerError) as refused:
            await context.approvals.decide(changed.approval_id, other)
        assert refused.value.code == "approval_changed"
        assert heard(told) == []
        await context.approvals.decide(changed.approval_id, approve(changed))
        assert (await ended(active)).answer == "on"
    assert heard(told) == [{"id": "q", "behavior": "allow", "updatedInput": OTHER}]


@pytest.mark.fault(84)
async def test_the_request_changes_while_it_is_decided(serving: Serving, tmp_path: Path) -> None:
    told, gate = tmp_path / "told", tmp_path / "gate"
    script: Script = [asks("q", COMMAND), {"wait": str(gate)}, asks("q", OTHER)]
    script += [{"hear": str(told)}, {"text": "on"}]
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, shown = await asked(context, agent, script)
        seen = active.progress.last_event_at
        async with anyio.create_task_group() as tasks, held_up(active, 1):
            tasks.start_soon(context.approvals.decide, shown.approval_id, approve(shown))
            queue = active.channel._order
            await until(lambda: queue.statistics().tasks_waiting == 1)
            # The CLI has changed its mind; the store does not know it yet.
            gate.touch()
            await until(lambda: active.progress.last_event_at != seen)
        _, changed = await of_run(context, active.run_id, 2)
        assert changed.state is ApprovalState.PENDING
        await context.approvals.decide(changed.approval_id, reject(message="not that"))
        await ended(active)
        first = await context.store.approvals.get(shown.approval_id)
    assert (first.state, first.delivery) == (ApprovalState.APPROVED, Delivery.FAILED)
    assert heard(told) == [{"id": "q", "behavior": "deny", "message": "not that"}]


@pytest.mark.fault(85)
async def test_the_same_request_comes_again(serving: Serving, tmp_path: Path) -> None:
    told, gate = tmp_path / "told", tmp_path / "gate"
    again = asks("q", COMMAND)
    script: Script = [again, again, {"touch": str(gate)}, {"hear": str(told)}]
    # After its answer it is no new question, and no second leave.
    script += [again, {"hear": str(told)}, {"text": "on"}]
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, script)
        await until(gate.exists)
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(active)).answer == "on"
        assert len(await context.store.approvals.of_run(active.run_id)) == 1
        events = await events_of(context, active.run_id)
    assert [(one["id"], one["behavior"]) for one in heard(told)] == [("q", "allow"), ("q", "deny")]
    assert types(events, "approval.") == ["approval.requested", "approval.resolved"]
    assert types(events, "permission.") == ["permission.requested", "permission.resolved"] * 2


@pytest.mark.fault(86)
async def test_nobody_decides(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path, approvalExpiresMs=300)
        active, approval = await asked(context, agent, question(log))
        assert (await ended(active)).answer == "went on"
        record = await context.store.approvals.get(approval.approval_id)
        assert (record.state, record.decided_via) == (ApprovalState.EXPIRED, "expiry")
        events = await events_of(context, active.run_id)
        (told,) = [event for event in events if event["type"] == "permission.resolved"]
        assert (told["decision"], told["decidedBy"]) == ("deny", "expiry")
        active, _ = await left_alone(context, agent, log)
        assert (await ended(active)).code == "approval_expired"
    assert ran(log) == []
