"""What goes with a conversation, and what stays."""

from __future__ import annotations

import pytest

from conversation_store.errors import RecordConflictError, RecordNotFoundError
from conversation_store.interfaces import Store
from conversation_store.records import NewApproval, NewComparison, NewRun, RunOutcome
from conversation_store.states import ApprovalKind, RunState
from tests.helpers.rows import ALL, LATER, NOW, add_run, event, events_of, move

pytestmark = pytest.mark.anyio


def approval(run: NewRun) -> NewApproval:
    return NewApproval(
        approval_id=f"appr_{run.run_id}",
        conversation_id=run.conversation_id,
        run_id=run.run_id,
        agent_id=run.agent_id,
        process_id="proc_1",
        request_id=run.run_id,
        tool_call_id=None,
        kind=ApprovalKind.PERMISSION,
        tool="Bash",
        question="May it?",
        input={"command": "ls"},
        input_hash="hash",
        nonce="nonce",
        options=[],
        hints={},
        features=[],
        deciders=[],
        created_at=NOW,
        expires_at=LATER,
        warn_at=LATER,
    )


async def fill(store: Store, number: int) -> NewRun:
    """A run that is over, in a conversation of its own, with one of everything."""
    run = await add_run(store, number, f"conv_{number}")
    await store.runs.move(move(RunState.STARTING, RunState.RUNNING, run=run.run_id))
    assert await store.approvals.open(approval(run), [event()]) is not None
    comparison = NewComparison(
        comparison_id=f"cmp_{number}",
        conversation_id=run.conversation_id,
        run_id=run.run_id,
        agent_id=run.agent_id,
        agent_type="claude-code",
        kind="shadow",
        primary_mode="tmux",
        mirror_mode="headless",
        created_at=NOW,
    )
    await store.comparisons.begin(comparison)
    with pytest.raises(RecordConflictError):
        await store.conversations.delete(run.conversation_id)
    outcome = RunOutcome(state=RunState.SUCCEEDED, answer="x", turn_id=f"answer_{number}")
    assert await store.runs.finish(run.run_id, outcome, [event()], now=LATER) is not None
    return run


async def test_all_of_a_conversation_goes_with_it_and_nothing_else(store: Store) -> None:
    gone, kept = await fill(store, 1), await fill(store, 2)
    of_kept = await events_of(store, kept.conversation_id)
    logged = await store.approvals.events(after=0, limit=100)
    await store.conversations.delete(gone.conversation_id)
    for read in (
        store.conversations.get(gone.conversation_id),
        store.conversations.turn("turn_1"),
        store.conversations.turn("answer_1"),
        store.runs.get(gone.run_id),
        store.approvals.get("appr_run_1"),
        store.comparisons.get("cmp_1"),
        store.conversations.delete(gone.conversation_id),
    ):
        with pytest.raises(RecordNotFoundError):
            await read
    assert await events_of(store, gone.conversation_id) == []
    of_run = store.events.of_run(gone.run_id, after=0, until=ALL)
    assert [page async for page in of_run] == []
    assert await store.runs.of_agent("worker") == [kept.run_id]
    assert (await store.approvals.get("appr_run_2")).state == "voided"
    assert (await store.comparisons.get("cmp_2")).comparison.state == "running"
    assert len(await store.conversations.turns_of_run(kept.run_id)) == 2
    assert await events_of(store, kept.conversation_id) == of_kept
    left = [entry for entry in logged if entry.approval_id == "appr_run_2"]
    assert await store.approvals.events(after=0, limit=100) == left
    assert await store.approvals.last_event() == left[-1].seq


async def test_a_deleted_agent_leaves_its_conversations(store: Store) -> None:
    run = await fill(store, 1)
    await store.agents.delete("worker", now=LATER)
    with pytest.raises(RecordNotFoundError):
        await store.agents.get("worker")
    assert (await store.runs.get(run.run_id)).agent_id == "worker"
    assert len(await events_of(store, run.conversation_id)) > 0
