"""That one run of an agent goes at a time is a rule of the database itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from conversation_store.sqlite.store import open_store
from conversation_store.states import RunState
from tests.conversation_store.conformance.test_run_states import ACTIVE, WAYS, go
from tests.helpers.rows import add_agent, add_run


@pytest.mark.anyio
@pytest.mark.parametrize("first", list(RunState))
async def test_the_database_itself_keeps_one_run_at_a_time(tmp_path: Path, first: RunState) -> None:
    async with open_store(tmp_path / "new.db") as store:
        await add_agent(store)
        one, two = await add_run(store, 1, "conv_1"), await add_run(store, 2, "conv_2")
        for step in WAYS[first]:
            assert await go(store, one, step)
        if first in ACTIVE:
            with pytest.raises(sqlite3.IntegrityError, match=r"runs\.agent_id"):
                await go(store, two, RunState.STARTING)
        else:
            assert await go(store, two, RunState.STARTING)
        assert (await store.runs.get(one.run_id)).state is first
