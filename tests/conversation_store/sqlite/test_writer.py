"""Group commit: many units in one transaction, each with its own fate."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from conversation_store.errors import (
    StoreUnusableError,
    StoreUnwritableError,
)
from conversation_store.sqlite.connection import connect
from conversation_store.sqlite.store import Store, open_store
from conversation_store.sqlite.writer import MAX_GROUP, Transaction, Writer
from tests.helpers.rows import add_agent, add_run, plain

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with open_store(path) as opened:
        yield opened


class Traced:
    """A writer on a database with one table, whose transactions can be counted."""

    def __init__(self, writer: Writer, statements: list[str]) -> None:
        self.writer = writer
        self.statements = statements

    def count(self, statement: str) -> int:
        return sum(found.startswith(statement) for found in self.statements)


@pytest.fixture
async def traced(path: Path) -> AsyncIterator[Traced]:
    statements: list[str] = []
    connection = await connect(path)
    await connection.run(lambda c: c.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)"))
    await connection.run(lambda c: c.set_trace_callback(statements.append))
    writer = Writer(connection)
    async with anyio.create_task_group() as tasks:
        await tasks.start(writer.run)
        yield Traced(writer, statements)
        writer.close()
    await connection.close()


def insert(transaction: Transaction, number: int) -> int:
    transaction.connection.execute("INSERT INTO t VALUES (?)", (number,))
    return number


async def submit_all(writer: Writer, units: list[Any]) -> list[Any]:
    """All at once; the result or the error of each."""
    results: list[Any] = [None] * len(units)

    async def one(index: int) -> None:
        try:
            results[index] = await writer.submit(units[index], durable=index % 2 == 0)
        except Exception as error:
            results[index] = error

    async with anyio.create_task_group() as tasks:
        for index in range(len(units)):
            tasks.start_soon(one, index)
    return results


async def test_units_that_arrive_together_share_transactions(traced: Traced, path: Path) -> None:
    units = [lambda t, n=n: insert(t, n) for n in range(MAX_GROUP * 4)]
    assert await submit_all(traced.writer, units) == list(range(MAX_GROUP * 4))
    assert traced.count("COMMIT") == 4
    with plain(path) as other:
        assert other.execute("SELECT count(*) FROM t").fetchone() == (MAX_GROUP * 4,)


async def test_one_failing_unit_does_not_hurt_its_neighbours(traced: Traced, path: Path) -> None:
    class OwnError(Exception):
        pass

    def half(transaction: Transaction) -> None:
        insert(transaction, 1000)
        raise OwnError

    units: list[Any] = [lambda t, n=n: insert(t, n) for n in range(30)]
    units[7] = half
    units[19] = lambda t: insert(t, 3)  # taken by then
    results = await submit_all(traced.writer, units)
    assert isinstance(results[7], OwnError)
    assert isinstance(results[19], sqlite3.IntegrityError)
    good = [n for n in range(30) if n not in (7, 19)]
    assert [results[n] for n in good] == good
    with plain(path) as other:
        assert [row[0] for row in other.execute("SELECT x FROM t ORDER BY x")] == good


async def test_an_answer_comes_after_the_commit(store: Store, path: Path) -> None:
    with plain(path) as other:
        for number in range(20):
            await add_agent(store, f"agent{number}")
            row = other.execute("SELECT count(*) FROM agents").fetchone()
            assert row == (number + 1,)


async def test_a_cancelled_caller_does_not_take_its_unit_back(traced: Traced, path: Path) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await traced.writer.submit(lambda t: insert(t, 1), durable=True)
    assert scope.cancelled_caught
    assert await traced.writer.submit(lambda t: insert(t, 2), durable=True) == 2
    with plain(path) as other:
        assert other.execute("SELECT x FROM t").fetchall() == [(1,), (2,)]


async def test_what_was_submitted_before_the_end_is_committed(path: Path) -> None:
    async with open_store(path) as store, anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(add_agent, store, f"agent{number:03}")
    async with open_store(path) as again:
        assert len(await again.agents.all()) == 100
    with pytest.raises(StoreUnusableError) as caught:
        await add_agent(again, "too late")
    assert caught.value.code == "store_closed"


async def test_foreign_keys_are_on(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await add_run(store)


async def test_readers_cannot_write(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = {"write": "DELETE FROM run_states"}
    monkeypatch.setattr(store.agents._readers, "_statements", statements)
    with pytest.raises(StoreUnwritableError, match="readonly"):
        await store.agents._readers.read("write", {})
