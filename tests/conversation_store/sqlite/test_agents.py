"""Agents are kept once they were read: what is kept is never older than the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from conversation_store.errors import RecordNotFoundError
from conversation_store.sqlite.store import open_store
from tests.helpers.rows import NOW, add_agent

pytestmark = pytest.mark.anyio


async def test_reads_are_kept_until_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(tmp_path / "new.db") as store:
        added = await add_agent(store)
        name = added.agent_id
        read = store.agents._readers.read
        reads = []

        async def counted(statement: str, parameters: dict[str, Any]) -> Any:
            reads.append(statement)
            return await read(statement, parameters)

        monkeypatch.setattr(store.agents._readers, "read", counted)
        assert await store.agents.get(name) == await store.agents.get(name) == added
        assert reads == ["get_agent"]
        changed = await store.agents.change(name, comm_mode="headless", options={"a": 1}, now=NOW)
        assert await store.agents.get(name) == await store.agents.get(name) == changed
        assert len(reads) == 2
        await store.agents.delete(name, now=NOW)
        for _ in range(2):
            with pytest.raises(RecordNotFoundError):
                await store.agents.get(name)


async def test_what_was_read_before_a_change_is_not_kept_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(tmp_path / "new.db") as store:
        name = (await add_agent(store)).agent_id
        read = store.agents._readers.read

        async def slow(statement: str, parameters: dict[str, Any]) -> Any:
            rows = await read(statement, parameters)
            await changed.wait()
            return rows

        changed = anyio.Event()
        monkeypatch.setattr(store.agents._readers, "read", slow)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store.agents.get, name)
            while store.agents._readers._idle == []:
                await anyio.lowlevel.checkpoint()
            await store.agents.change(name, comm_mode="headless", options={"a": 1}, now=NOW)
            changed.set()
        assert (await store.agents.get(name)).options == {"a": 1}
