"""A question of a living CLI, from asking to its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_runner import wire
from agent_runner.errors import (
    AgentRunnerError,
    BadRequestError,
    ConflictError,
    DecidedError,
    ForbiddenError,
    GoneError,
)
from conversation_store.errors import RecordNotFoundError
from conversation_store.states import ApprovalState, Delivery, RunState
from tests.conftest import Serving
from tests.helpers.asking import (
    COMMAND,
    approve,
    asked,
    events_of,
    pending,
    question,
    ran,
    reject,
    types,
)
from tests.helpers.trial import WARM, Way, add_agent, ended, start

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", WARM)
async def test_an_approved_call_runs_in_the_process_that_asked(
    serving: Serving, tmp_path: Path, way: Way
) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        agent = await add_agent(context, "worker", way.agent_type, tmp_path)
        active, approval = await asked(context, agent, question(log))
        run = await context.store.runs.get(active.run_id)
        assert run.state is RunState.WAITING_APPROVAL
        assert (approval.tool.lower(), approval.input) == ("execute", COMMAND)
        assert ran(log) == []
        decided = await context.approvals.decide(approval.approval_id, approve(approval))
        assert (decided.state, decided.delivery) == (ApprovalState.APPROVED, Delivery.DELIVERED)
        assert (decided.decided_by, decided.decided_via) == ("ann", "http")
        outcome = await ended(active)
        assert (outcome.state, outcome.answer) == ("succeeded", "went on")
        assert ran(log) == [COMMAND]
        events = await events_of(context, active.run_id)
    assert types(events, "permission.", "approval.") == [
        "permission.requested",
        "approval.requested",
        "approval.resolved",
        "permission.resolved",
    ]
    assert events[types(events, "").index("permission.resolved")]["decidedBy"] == "human"


@pytest.mark.parametrize("way", WARM)
async def test_a_rejected_call_does_not_run(serving: Serving, tmp_path: Path, way: Way) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        agent = await add_agent(context, "worker", way.agent_type, tmp_path)
        active, approval = await asked(context, agent, question(log))
        await context.approvals.decide(approval.approval_id, reject(message="not that file"))
        outcome = await ended(active)
        # Droid's own word for a denial is cancel: its turn ends.
        denied = way.agent_type == "factory-droid"
        assert outcome.code == ("permission_denied" if denied else None)
        assert ran(log) == []


async def test_the_model_is_told_why(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        await context.approvals.decide(approval.approval_id, reject(message="not that file"))
        await ended(active)
        events = await events_of(context, active.run_id)
    (completed,) = [event for event in events if event["type"] == "tool.completed"]
    assert (completed["status"], completed["error"]) == ("denied", "not that file")


async def test_the_changed_input_is_what_runs(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(log))
        other = {"command": "touch other.txt"}
        await context.approvals.decide(approval.approval_id, approve(approval, updated_input=other))
        await ended(active)
    assert ran(log) == [other]


@pytest.mark.parametrize(
    ("agent_type", "fields"),
    [
        ("gemini", {"updated_input": {"command": "ls"}}),
        ("gemini", {"answers": {"?": "!"}}),
        ("factory-droid", {"updated_input": {"command": "ls"}}),
        ("claude-code", {"stop": True}),
        ("claude-code", {"approve": False, "updated_input": {}}),
    ],
)
async def test_what_a_cli_cannot_take_is_refused_and_the_question_stays(
    serving: Serving, tmp_path: Path, agent_type: str, fields: dict[str, Any]
) -> None:
    async with serving() as context:
        agent = await add_agent(context, "worker", agent_type, tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        with pytest.raises(BadRequestError) as refused:
            await context.approvals.decide(approval.approval_id, approve(approval, **fields))
        assert refused.value.code == "unsupported_option"
        assert (await pending(context, active.run_id)).approval_id == approval.approval_id


async def test_bad_decisions_have_their_codes(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        options = {"approvalDeciders": ["ann", "bob"]}
        agent = await add_agent(context, "worker", "claude-code", tmp_path, **options)
        active, approval = await asked(context, agent, question(log))

        async def refused(decision: Any, kind: type[AgentRunnerError]) -> str:
            with pytest.raises(kind) as error:
                await context.approvals.decide(approval.approval_id, decision)
            return error.value.code

        other = approve(approval, input_hash="0" * 64)
        assert await refused(other, ConflictError) == "approval_changed"
        other = approve(approval, nonce="0" * 32)
        assert await refused(other, ConflictError) == "approval_changed"
        blind = approve(approval, input_hash=None)
        assert await refused(blind, BadRequestError) == "input_hash_required"
        foreign = approve(approval, option_id="no such option")
        assert await refused(foreign, BadRequestError) == "unknown_option"
        against = approve(approval, option_id="deny")
        assert await refused(against, BadRequestError) == "unknown_option"
        nothing = approve(approval, approve=None)
        assert await refused(nothing, BadRequestError) == "no_decision"
        stranger = approve(approval, by="eve")
        assert await refused(stranger, ForbiddenError) == "not_a_decider"
        with pytest.raises(RecordNotFoundError):
            await context.approvals.decide("appr_none", approve(approval))
        assert ran(log) == []
        await context.approvals.decide(approval.approval_id, approve(approval, option_id="allow"))
        assert (await ended(active)).state == "succeeded"


async def test_the_first_decision_wins(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(log))
        ends: list[str] = []

        async def decide(decision: Any) -> None:
            try:
                record = await context.approvals.decide(approval.approval_id, decision)
                ends.append(f"{record.state} by {record.decided_by}")
            except DecidedError as error:
                ends.append(f"lost to {error.approval['decidedBy']}")

        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(decide, approve(approval, by=f"yes {number}"))
                tasks.start_soon(decide, reject(by=f"no {number}", message="no"))
        outcome = await ended(active)
        winner = await context.store.approvals.get(approval.approval_id)
        events = await events_of(context, active.run_id)
    assert outcome.state == "succeeded"
    same = f"{winner.state} by {winner.decided_by}"
    assert sorted(ends) == sorted([same] * 5 + [f"lost to {winner.decided_by}"] * 5)
    assert len(ran(log)) == (winner.state is ApprovalState.APPROVED)
    assert types(events, "approval.") == ["approval.requested", "approval.resolved"]


async def test_a_cancelled_run_voids_its_question(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(log))
        await context.runs.cancel("worker", None)
        assert (await ended(active)).state == "cancelled"
        voided = await context.store.approvals.get(approval.approval_id)
        assert voided.state is ApprovalState.VOIDED
        with pytest.raises(GoneError) as gone:
            await context.approvals.decide(approval.approval_id, approve(approval))
        assert gone.value.code == "approval_voided"
        again, other = await asked(context, agent, question(log))
        await context.approvals.decide(other.approval_id, approve(other))
        assert (await ended(again)).state == "succeeded"
    assert ran(log) == [COMMAND]


async def test_a_run_may_wait_longer_than_its_time(serving: Serving, tmp_path: Path) -> None:
    short = {"no_output_ms": 200, "command_ms": 1500, "heartbeat_grace_ms": 200}
    async with serving(**short) as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        await anyio.sleep(1.7)
        assert not active.done.is_set()
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(active)).state == "succeeded"


async def test_nobody_decides_and_the_run_is_told(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        options = {"approvalExpiresMs": 600}
        agent = await add_agent(context, "worker", "claude-code", tmp_path, **options)
        active, approval = await asked(context, agent, question(log))
        outcome = await ended(active)
        assert (outcome.state, outcome.answer) == ("succeeded", "went on")
        with pytest.raises(GoneError) as gone:
            await context.approvals.decide(approval.approval_id, approve(approval))
        assert gone.value.code == "approval_expired"
        with pytest.raises(GoneError):
            await context.approvals.extend(approval.approval_id, None)
        events = await events_of(context, active.run_id)
    assert ran(log) == []
    assert types(events, "approval.") == [
        "approval.requested",
        "approval.warning",
        "approval.resolved",
    ]
    (completed,) = [event for event in events if event["type"] == "tool.completed"]
    assert "nobody decided" in completed["error"]


async def test_an_extended_approval_waits_on(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        options = {"approvalExpiresMs": 1500}
        agent = await add_agent(context, "worker", "claude-code", tmp_path, **options)
        active, approval = await asked(context, agent, question(log))
        extended = await context.approvals.extend(approval.approval_id, 60_000)
        assert extended.expires_at > approval.expires_at
        assert extended.extensions == 1
        await anyio.sleep(1.6)
        await context.approvals.decide(approval.approval_id, approve(approval))
        await ended(active)
        _, other = await asked(context, agent, question(log))
        with pytest.raises(BadRequestError):
            await context.approvals.extend(other.approval_id, 10**12)
    assert ran(log) == [COMMAND]


async def test_as_long_again_as_at_first_is_just_that(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        day = 86_400.0
        options = {"approvalExpiresMs": round(day * 1000)}
        agent = await add_agent(context, "worker", "claude-code", tmp_path, **options)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        once = await context.approvals.extend(approval.approval_id, 60_000)
        assert wire.seconds_between(approval.expires_at, once.expires_at) == 60.0
        warned = wire.seconds_between(once.warn_at, once.expires_at)
        assert warned == pytest.approx(day / 10, rel=0.01)
        again = await context.approvals.extend(approval.approval_id, None)
        assert wire.seconds_between(once.expires_at, again.expires_at) == pytest.approx(day)
        assert again.extended_ms == 60_000 + round(day * 1000)
        await context.approvals.decide(approval.approval_id, approve(approval))
        await ended(active)


@pytest.mark.parametrize(("policy", "count"), [("allow", 1), ("deny", 0), ("full", 1)])
async def test_what_the_policy_decides_asks_nobody(
    serving: Serving, tmp_path: Path, policy: str, count: int
) -> None:
    log = tmp_path / "log"
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path, permissions=policy)
        active = await start(context, agent, question(log))
        await ended(active)
        events = await events_of(context, active.run_id)
        assert await context.store.approvals.of_run(active.run_id) == []
    assert len(ran(log)) == count
    (resolved,) = [event for event in events if event["type"] == "permission.resolved"]
    assert resolved["decidedBy"] == "policy"
    assert policy in resolved["rule"]
