"""The lease: each opening for service fences whoever had the database before."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from conversation_store.errors import StoreFencedError
from conversation_store.sqlite.migrate import migrations
from conversation_store.sqlite.store import open_store
from conversation_store.states import StoreState
from tests.conversation_store.conformance.test_lease import WRITES, owner
from tests.helpers.rows import NOW, add_agent, add_run, plain

pytestmark = pytest.mark.anyio


def dump(path: Path) -> list[str]:
    with plain(path) as connection:
        return list(connection.iterdump())


async def test_each_owner_has_the_next_epoch_and_its_runs_say_so(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    for epoch in (1, 2, 3):
        async with open_store(path, owner=owner(f"host{epoch}")) as store:
            if epoch == 1:
                await add_agent(store)
            await add_run(store, epoch, f"conv_{epoch}")
        with plain(path) as connection:
            lease = connection.execute("SELECT * FROM lease").fetchall()
            runs = connection.execute("SELECT epoch FROM runs ORDER BY run_id").fetchall()
        assert lease == [(1, f"host{epoch}:1", "boot", epoch, NOW)]
        assert [row[0] for row in runs] == list(range(1, epoch + 1))


async def test_who_only_looks_after_the_file_takes_no_lease(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    async with open_store(path, owner=owner("service")) as store:
        async with open_store(path) as tool:
            await add_agent(tool)
        await add_agent(store, "second")
        assert store.health.state is StoreState.OK
    assert not (tmp_path / "reserve").exists(), "it is given back at a clean end"


async def test_runs_from_before_there_were_epochs_have_none(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with plain(path) as connection:
        connection.executescript(f"{migrations()[0][1]}; PRAGMA user_version = 1;")
        connection.executescript(
            f"""
            INSERT INTO run_states VALUES ('queued', 0);
            INSERT INTO agents (agent_id, type, comm_mode, options, created_at, updated_at)
            VALUES ('worker', 'x', 'headless', '{{}}', '{NOW}', '{NOW}');
            INSERT INTO conversations VALUES
              ('conv_1', 'worker', 'open', NULL, 0, 0, '{NOW}', '{NOW}');
            INSERT INTO runs (run_id, conversation_id, agent_id, state, mode, reason, metadata,
              timeout_ms, queued_at)
            VALUES ('run_1', 'conv_1', 'worker', 'queued', 'm', 'r', '{{}}', 1, '{NOW}');
            """
        )
    async with open_store(path, owner=owner("service")) as store:
        assert [run.run_id for run in await store.runs.open_runs()] == ["run_1"]
    with plain(path) as connection:
        assert connection.execute("SELECT epoch FROM runs").fetchall() == [(0,)]


@pytest.mark.parametrize("first", WRITES)
async def test_a_stale_owner_can_write_nothing(tmp_path: Path, first: str) -> None:
    path = tmp_path / "new.db"
    async with open_store(path, owner=owner("stale")) as stale:
        await add_agent(stale)
        await add_run(stale)
        async with open_store(path, owner=owner("fresh")) as fresh:
            before = dump(path)
            for name in (first, *WRITES):
                with pytest.raises(StoreFencedError, match=f"fresh:1 took it over at {NOW}"):
                    await WRITES[name](stale)
                assert stale.health.state is StoreState.FENCED
            assert dump(path) == before
            assert (await stale.agents.get("worker")).agent_id == "worker", "it may still read"
            await add_agent(fresh, "other")
            assert fresh.health.state is StoreState.OK


async def test_a_stale_owner_leaves_the_reserve_to_the_present_one(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    opened, replaced, closed = anyio.Event(), anyio.Event(), anyio.Event()

    async def be_replaced() -> None:
        async with open_store(path, owner=owner("stale")) as stale:
            opened.set()
            await replaced.wait()
            with pytest.raises(StoreFencedError):
                await add_agent(stale)
        closed.set()

    reserve = tmp_path / "reserve"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(be_replaced)
        await opened.wait()
        async with open_store(path, owner=owner("fresh")):
            replaced.set()
            await closed.wait()
            assert reserve.stat().st_blocks * 512 >= 8 << 20, "really there, not only its length"
            assert reserve.stat().st_mode & 0o777 == 0o600
        assert not reserve.exists()
