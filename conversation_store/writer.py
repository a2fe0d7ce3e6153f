"""The one writer: units of work from many tasks, committed together.

While one transaction is being written, the units that arrive wait; the next transaction
takes them all. So a burst of commits costs few fsyncs and a single commit waits for nobody.
If a unit fails, the transaction is rolled back and each of its units runs again in one of
its own, so that only the failing one hears of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

import anyio
from anyio.abc import TaskStatus

from conversation_store.connection import Connection
from conversation_store.errors import StoreUnusableError
from conversation_store.statements import statements

T = TypeVar("T")
Row = tuple[Any, ...]

MAX_GROUP = 64


class Transaction:
    """What a unit of work may do: run the named statements."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._statements = statements()

    def run(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run the statement `name`; returns its rows."""
        return self._connection.execute(self._statements[name], parameters).fetchall()

    def run_many(self, name: str, parameters: Sequence[Row]) -> None:
        """Run the statement `name` once for each row of parameters."""
        self._connection.executemany(self._statements[name], parameters)

    def run_large(
        self, name: str, parameters: Mapping[str, Any], column: tuple[str, str], data: bytes
    ) -> None:
        """Insert a row whose blob `column` (table, name) is `data`, without copies of it.

        The statement inserts zeros of the right length and returns the row's id; bound
        values would be copied twice and kept until the statement's next use.
        """
        (rowid,) = self._connection.execute(self._statements[name], parameters).fetchone()
        with self._connection.blobopen(*column, rowid) as blob:
            blob.write(data)


Unit = Callable[[Transaction], T]


class _Job(Generic[T]):
    """A unit on its way, and the place its result is put."""

    def __init__(self, unit: Unit[T], *, durable: bool) -> None:
        self.unit = unit
        self.durable = durable
        self.done = anyio.Event()
        self.result: T | None = None
        self.error: Exception | None = None


class Writer:
    """Owns the only connection that writes. Units run on its thread, so they must not wait."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[_Job[Any]] = []
        self._wake = anyio.Event()
        self._closing = False
        self._synchronous_full = True

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Commit units until `close`; what was submitted before it is still committed."""
        task_status.started()
        while True:
            if not self._waiting:
                if self._closing:
                    return
                self._wake = anyio.Event()
                await self._wake.wait()
                continue
            jobs, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
            await self._connection.run(partial(self._work, jobs))
            # Nothing here may hold on to the last batch, however large, until the next.
            while jobs:
                jobs.pop(0).done.set()

    def close(self) -> None:
        """Let `run` end once nothing waits."""
        self._closing = True
        self._wake.set()

    async def submit(self, unit: Unit[T], *, durable: bool) -> T:
        """Commit `unit`; returns its result after the commit.

        `durable` waits for the disk (synchronous=FULL): acknowledgements and ends of runs.
        Cancelling the caller does not take the unit back.
        """
        if self._closing:
            raise StoreUnusableError("store_closed", "the store is closed")
        job = _Job(unit, durable=durable)
        self._waiting.append(job)
        self._wake.set()
        await job.done.wait()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    def _work(self, jobs: Sequence[_Job[Any]], connection: sqlite3.Connection) -> None:
        try:
            self._commit(connection, jobs)
        except Exception:  # each unit hears of its own failure below
            for job in jobs:
                try:
                    self._commit(connection, [job])
                except Exception as error:  # the submitter gets it
                    job.error = error

    def _commit(self, connection: sqlite3.Connection, jobs: Sequence[_Job[Any]]) -> None:
        full = any(job.durable for job in jobs)
        if full != self._synchronous_full:
            connection.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
            self._synchronous_full = full
        connection.execute("BEGIN IMMEDIATE")
        try:
            transaction = Transaction(connection)
            for job in jobs:
                job.result = job.unit(transaction)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
