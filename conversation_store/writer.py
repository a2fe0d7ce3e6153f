"""The one writer: units of work from many tasks, committed together.

While one transaction is being written, the units that arrive wait; the next transaction
takes them all. So a burst of commits costs few fsyncs and a single commit waits for nobody.
If a unit fails, the transaction is rolled back and each of its units runs again in one of
its own, so that only the failing one hears of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import aiosqlite
import anyio
from anyio.abc import TaskStatus

from conversation_store.errors import StoreUnusableError
from conversation_store.statements import statements

T = TypeVar("T")
Row = tuple[Any, ...]

MAX_GROUP = 64


class Transaction:
    """What a unit of work may do: run the named statements."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._statements = statements()

    async def run(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run the statement `name`; returns its rows."""
        rows = await self._connection.execute_fetchall(self._statements[name], parameters)
        return [tuple(row) for row in rows]

    async def run_many(self, name: str, parameters: Sequence[Row]) -> None:
        """Run the statement `name` once for each row of parameters."""
        await self._connection.executemany(self._statements[name], parameters)


Unit = Callable[[Transaction], Awaitable[T]]


class _Job(Generic[T]):
    """A unit on its way, and the place its result is put."""

    def __init__(self, unit: Unit[T], *, durable: bool) -> None:
        self.unit = unit
        self.durable = durable
        self.done = anyio.Event()
        self.result: T | None = None
        self.error: BaseException | None = None


class Writer:
    """Owns the only connection that writes."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._transaction = Transaction(connection)
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
            try:
                await self._commit(jobs)
            except Exception:  # each unit hears of its own failure below
                for job in jobs:
                    await self._commit_alone(job)
            for job in jobs:
                job.done.set()

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

    async def _commit(self, jobs: Sequence[_Job[Any]]) -> None:
        await self._set_synchronous(full=any(job.durable for job in jobs))
        await self._connection.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                job.result = await job.unit(self._transaction)
            await self._connection.commit()
        except BaseException:
            await self._connection.rollback()
            raise

    async def _commit_alone(self, job: _Job[Any]) -> None:
        try:
            await self._commit([job])
        except Exception as error:  # the submitter gets it
            job.error = error

    async def _set_synchronous(self, *, full: bool) -> None:
        if full != self._synchronous_full:
            await self._connection.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
            self._synchronous_full = full
