"""Runs: what is kept of their acceptance, and which may go beside each other."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from conversation_store.errors import RecordNotFoundError
from conversation_store.interfaces import Store
from conversation_store.states import RunState
from tests.conversation_store.conformance.test_run_states import ACTIVE, WAYS, go
from tests.helpers.rows import NOW, add_run, event, new_run

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("first", list(RunState))
async def test_one_run_of_an_agent_goes_at_a_time(store: Store, first: RunState) -> None:
    one, two = await add_run(store, 1, "conv_1"), await add_run(store, 2, "conv_2")
    for step in WAYS[first]:
        assert await go(store, one, step)
    if first in ACTIVE:
        with pytest.raises(Exception, match=r"(?i)unique"):
            await go(store, two, RunState.STARTING)
        assert (await store.runs.get(two.run_id)).state is RunState.QUEUED
    else:
        assert await go(store, two, RunState.STARTING)
    assert (await store.runs.get(one.run_id)).state is first


async def test_what_a_cli_does_by_itself_goes_beside_a_run(store: Store) -> None:
    one = await add_run(store)
    assert await go(store, one, RunState.STARTING)
    behind = new_run(2, trigger="background", caused_by=one.run_id, metadata={"a": 1})
    await store.runs.begin_background(behind, "warm", [event()])
    record = await store.runs.get(behind.run_id)
    assert (record.state, record.form, record.started_at) == (RunState.RUNNING, "warm", NOW)
    assert (record.trigger, record.caused_by) == ("background", one.run_id)
    assert record.metadata == {"a": 1}
    assert await store.runs.caused_by(one.run_id) == [behind.run_id]
    assert await store.conversations.turns_of_run(behind.run_id) == []


async def test_a_run_keeps_everything_about_its_acceptance(store: Store) -> None:
    fields: dict[str, Any] = {
        "mode": "tmux",
        "reason": "the request asked for it",
        "timeout_ms": 7,
        "timeouts": {"commandMs": 7},
        "metadata": {"a": [1, None]},
        "route": {"source": "request", "requested": "tmux"},
        "request_hash": "hash",
    }
    run = new_run(**fields)
    await store.runs.accept(run, [])
    record = await store.runs.get(run.run_id)
    assert {name: getattr(record, name) for name in fields} == fields
    assert (record.state, record.queued_at, record.finished_at) == (RunState.QUEUED, NOW, None)
    other = msgspec.structs.replace(run, mode="headless", reason="r", route={"source": "fallback"})
    await store.runs.route(other, [event()])
    record = await store.runs.get(run.run_id)
    assert (record.mode, record.reason, record.route) == ("headless", "r", {"source": "fallback"})
    assert record.timeouts == {"commandMs": 7}


async def test_a_key_is_one_runs(store: Store) -> None:
    await store.agents.add("other", agent_type="x", comm_mode="headless", options={}, now=NOW)
    await store.runs.accept(new_run(1, idempotency_key="k"), [event()])
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.runs.accept(new_run(2, "conv_2", idempotency_key="k"), [event()])
    with pytest.raises(RecordNotFoundError):
        await store.conversations.get("conv_2")
    await store.runs.accept(new_run(3, "conv_3", idempotency_key="k", agent_id="other"), [])
    assert await store.runs.by_idempotency_key("worker", "k") == "run_1"
    assert await store.runs.by_idempotency_key("other", "k") == "run_3"
    assert await store.runs.by_idempotency_key("worker", "another") is None
