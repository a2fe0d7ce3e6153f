"""Agents: a name is one agent's, and what is read is never older than the last change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from conversation_store.errors import RecordConflictError
from conversation_store.interfaces import OpenStore, Store
from tests.helpers.rows import NOW, add_agent

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(open_store: OpenStore, path: Path) -> AsyncIterator[Store]:
    """An empty one."""
    async with open_store(path) as opened:
        yield opened


async def test_a_change_whose_caller_left_is_seen(open_store: OpenStore, tmp_path: Path) -> None:
    async with open_store(tmp_path / "new.db") as store:
        name = (await add_agent(store)).agent_id
        await store.agents.get(name)
        with anyio.CancelScope() as leaving:
            leaving.cancel()
            await store.agents.change(name, comm_mode="headless", options={"a": 1}, now=NOW)
        assert (await store.agents.get(name)).options == {"a": 1}


async def test_names_of_agents_are_taken_until_they_are_free(store: Store) -> None:
    await add_agent(store)
    with pytest.raises(RecordConflictError) as caught:
        await add_agent(store)
    assert caught.value.code == "agent_exists"
    await store.agents.delete("worker", now=NOW)
    assert (await add_agent(store)).agent_id == "worker"


async def test_of_many_that_register_one_name_one_wins(store: Store) -> None:
    results: list[bool] = []

    async def register() -> None:
        try:
            await add_agent(store)
            results.append(True)
        except RecordConflictError:
            results.append(False)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(register)
    assert sorted(results) == [False] * 49 + [True]
