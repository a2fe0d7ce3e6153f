"""A database that cannot be written: promises fail at once, what was promised waits."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from conversation_store.errors import (
    RecordConflictError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnusableError,
    StoreUnwritableError,
)
from conversation_store.records import Owner, RunOutcome, StoredEvent
from conversation_store.sqlite import connection, writer
from conversation_store.sqlite import store as store_module
from conversation_store.sqlite.reserve import Reserve
from conversation_store.sqlite.store import Store, open_store
from conversation_store.sqlite.wal import Wal
from conversation_store.states import RunState, StoreState
from tests.helpers.faulty import Faulty, Plan, in_state
from tests.helpers.rows import (
    NOW,
    add_agent,
    add_run,
    event,
    events_of,
    move,
    plain,
)

pytestmark = pytest.mark.anyio

OWNER = Owner(name="test:1", boot_id="boot", since=NOW)
ERRORS: dict[str, tuple[StoreState, type[StoreError]]] = {
    "BUSY": (StoreState.LOCKED, StoreLockedError),
    "FULL": (StoreState.FULL, StoreFullError),
    "IOERR": (StoreState.UNWRITABLE, StoreUnwritableError),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 0.02)
    monkeypatch.setattr(store_module, "BUSY_TIMEOUT_MS", 50)


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with open_store(path, owner=OWNER) as opened:
        await add_agent(opened)
        await add_run(opened)
        yield opened


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program holds the database."""
    with plain(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


class Switch:
    """Lets every write fail with `code` while it is set."""

    code: str | None = None

    def __call__(self, _: int, sql: str) -> str | None:
        return self.code if sql.startswith(("BEGIN", "COMMIT")) else None


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Switch:
    made = Switch()
    monkeypatch.setattr(connection, "PLAIN", Faulty)
    monkeypatch.setattr(Faulty, "plan", Plan(made))
    return made


async def append(store: Store, number: int, stored: list[int]) -> None:
    batch = [("run_1", event(str(number)))]
    stored.extend(e.seq for e in await store.events.append("conv_1", batch))


@pytest.mark.parametrize("name", ERRORS)
async def test_a_promise_fails_at_once_and_what_was_promised_waits(
    switch: Switch, store: Store, name: str
) -> None:
    state, error = ERRORS[name]
    stored: list[int] = []
    switch.code = name
    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(append, store, number, stored)
        tasks.start_soon(partial(store.conversations.set_session, "conv_1", "s", now=NOW))
        await in_state(store, state)
        for promise in (add_agent(store, "second"), add_run(store, 2, "conv_2")):
            with pytest.raises(error):
                await promise
        assert stored == []
        assert (await store.agents.get("worker")).agent_id == "worker", "reads work"
        switch.code = None
        await in_state(store, StoreState.OK)
    assert stored == list(range(1, 101))
    codes = [e.payload for e in await events_of(store, "conv_1")]
    assert codes == [event(str(number)).payload for number in range(100)], "in their order"
    assert await store.runs.move(move(RunState.STARTING))
    await add_agent(store, "second")
    conversation = await store.conversations.get("conv_1")
    assert (conversation.session_id, conversation.last_event_seq) == ("s", 100)


@pytest.mark.parametrize("name", ERRORS)
async def test_it_recovers_though_nobody_wants_anything(
    switch: Switch, store: Store, name: str
) -> None:
    switch.code = name
    with pytest.raises(ERRORS[name][1]):
        await add_agent(store, "second")
    assert store.health.state is ERRORS[name][0]
    switch.code = None
    await in_state(store, StoreState.OK)
    await add_agent(store, "second")


async def test_the_error_of_a_unit_is_not_a_fault(switch: Switch, store: Store) -> None:
    with pytest.raises(RecordConflictError):
        await add_agent(store)
    assert store.health.state is StoreState.OK


async def test_an_external_lock_is_waited_out(store: Store, path: Path) -> None:
    stored: list[int] = []
    async with anyio.create_task_group() as tasks:
        with locked(path):
            tasks.start_soon(append, store, 1, stored)
            await in_state(store, StoreState.LOCKED)
            with pytest.raises(StoreLockedError, match="database is locked"):
                await add_agent(store, "second")
            assert stored == []
        await in_state(store, StoreState.OK)
    assert stored == [1]


async def max_pages(store: Store, more: int | None) -> None:
    """Let the database grow by `more` pages only; None lifts the limit."""

    def limit(plain: sqlite3.Connection) -> None:
        pages = plain.execute("PRAGMA page_count").fetchone()[0]
        wanted = pages + more if more is not None else 1 << 30
        plain.execute(f"PRAGMA max_page_count={wanted}")

    await store.agents._writer._connection.run(limit)


async def test_a_full_database_gives_up_its_reserve_and_has_it_again(
    store: Store, path: Path
) -> None:
    reserve = path.with_name("reserve")
    stored: list[StoredEvent] = []

    async def append_large() -> None:
        stored.extend(await store.events.append("conv_1", [("run_1", event("x" * 100_000))]))

    assert reserve.exists()
    await max_pages(store, 3)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(append_large)
        await in_state(store, StoreState.FULL)
        with pytest.raises(StoreFullError):
            await add_run(store, 2, "conv_2")
        assert await store.conversations.end("conv_1", now=NOW) is True, "makes room, or may"
        outcome = RunOutcome(state=RunState.CANCELLED)
        assert await store.runs.finish("run_1", outcome, [], now=NOW) is not None
        assert stored == []
        await max_pages(store, None)
        await in_state(store, StoreState.OK)
    assert [e.seq for e in stored] == [1]
    assert reserve.stat().st_blocks * 512 >= 8 << 20


async def test_without_its_reserve_the_store_counts_as_full(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    (tmp_path / "reserve").mkdir()
    async with open_store(path, owner=OWNER) as store:
        assert store.health.state is StoreState.FULL
        with pytest.raises(StoreFullError, match="reserve"):
            await add_agent(store)
        (tmp_path / "reserve").rmdir()
        await in_state(store, StoreState.OK)
        await add_agent(store)


@pytest.mark.parametrize("end", ["patience", "store"])
async def test_patience_ends_with_the_service(switch: Switch, path: Path, end: str) -> None:
    failed: list[str] = []

    async def append_in_vain(store: Store) -> None:
        with pytest.raises(StoreLockedError):
            await append(store, 1, [])
        failed.append(end)

    async with anyio.create_task_group() as tasks:
        async with open_store(path, owner=OWNER) as store:
            await add_agent(store)
            await add_run(store)
            switch.code = "BUSY"
            tasks.start_soon(append_in_vain, store)
            await in_state(store, StoreState.LOCKED)
            assert failed == []
            if end == "patience":
                store.end_patience(0)
                with anyio.fail_after(10):
                    while not failed:
                        await anyio.sleep(0.005)
                with pytest.raises(StoreLockedError):
                    await append(store, 2, [])
        with anyio.fail_after(10):
            while not failed:
                await anyio.sleep(0.005)
    with pytest.raises(StoreUnusableError, match="closed"):
        await append(store, 3, [])


async def test_damage_ends_patience_for_good(switch: Switch, store: Store) -> None:
    switch.code = "BUSY"
    async with anyio.create_task_group() as tasks:
        for number in range(100):

            async def in_vain(number: int = number) -> None:
                with pytest.raises(StoreCorruptError):
                    await append(store, number, [])

            tasks.start_soon(in_vain)
        await in_state(store, StoreState.LOCKED)
        switch.code = "CORRUPT"
    assert store.health.state is StoreState.CORRUPT
    switch.code = None
    with pytest.raises(StoreCorruptError):
        await append(store, 1, [])
    with pytest.raises(StoreCorruptError):
        await add_agent(store, "second")
    assert (await store.agents.get("worker")).agent_id == "worker", "reads are still tried"


async def test_damage_that_a_reader_meets_counts_too(store: Store, path: Path) -> None:
    for _ in range(50):
        await store.events.append("conv_1", [("run_1", event("x" * 5000)) for _ in range(20)])
    await store.agents._writer.alone(lambda p: p.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xff" * (path.stat().st_size - 8 * 4096))
    with pytest.raises(StoreCorruptError):
        await events_of(store, "conv_1")
    assert store.health.state is StoreState.CORRUPT


async def test_a_rollback_that_fails_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    met: list[str] = []

    def fails(_: int, sql: str) -> str | None:
        if "INSERT INTO agents" in sql and "COMMIT" not in met:
            met.append("COMMIT")
            return "IOERR"
        if sql == "ROLLBACK" and "ROLLBACK" not in met:
            met.append("ROLLBACK")
            return "IOERR"
        return None

    monkeypatch.setattr(connection, "PLAIN", Faulty)
    monkeypatch.setattr(Faulty, "plan", Plan(fails))
    async with open_store(path, owner=OWNER) as store:
        with pytest.raises(StoreUnwritableError):
            await add_agent(store)
        assert met == ["COMMIT", "ROLLBACK"]
        await in_state(store, StoreState.OK)
        await add_agent(store)


async def test_a_log_that_has_grown_is_folded_in_a_pause(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE_S", 0.02)
    wal = path.with_name(f"{path.name}-wal")
    await store.agents._writer.alone(lambda p: p.execute("PRAGMA wal_autocheckpoint=0"))
    for _ in range(20):
        await store.events.append("conv_1", [("run_1", event("x" * 1_000_000))])
    assert wal.stat().st_size > 16 << 20
    with plain(path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM agents").fetchone()
        await add_agent(store, "second")
        await anyio.sleep(0.1)
        assert wal.stat().st_size > 16 << 20, "a reader holds it"
        assert store.health.state is StoreState.OK
    with anyio.fail_after(10):
        while wal.stat().st_size:
            await anyio.sleep(0.005)
    assert (await store.conversations.get("conv_1")).last_event_seq == 20


async def test_a_log_that_cannot_be_folded_is_a_fault_like_any_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold = Wal.fold
    states: list[StoreState] = []

    def full_once(wal: Wal, connection: sqlite3.Connection) -> bool:
        monkeypatch.setattr(Wal, "fold", fold)
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    async def note_states() -> None:
        while True:
            await store.health.changed()
            states.append(store.health.state)

    monkeypatch.setattr(writer, "IDLE_S", 0.02)
    monkeypatch.setattr(Wal, "fold", full_once)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(note_states)
        await add_agent(store, "second")
        with anyio.fail_after(10):
            while StoreState.FULL not in states:
                await anyio.sleep(0.005)
            await append(store, 1, [])
            await in_state(store, StoreState.OK)
        tasks.cancel_scope.cancel()


async def test_the_reserve_is_had_where_the_system_cannot_allocate(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    reserve = Reserve(path, 1 << 20)
    assert reserve.make()
    assert path.stat().st_blocks * 512 >= 1 << 20
    assert reserve.release()
