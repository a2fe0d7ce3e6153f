"""The one writer: units of work from many tasks, committed together.

While one transaction is being written, the units that arrive wait; the next transaction
takes them all. So a burst of commits costs few fsyncs and a single commit waits for nobody.
If a unit fails, the transaction is rolled back and each of its units runs again in one of
its own, so that only the failing one hears of it.

When the database itself fails (full, locked, unwritable), units that are an acknowledgement
fail at once. Units that belong to what was acknowledged are patient: they wait, in order,
and are tried again every RETRY_S until the database works, or until `end_patience`.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskStatus

from conversation_store.errors import StoreUnusableError
from conversation_store.health import Fault, Health
from conversation_store.sqlite.committer import Committer, probe
from conversation_store.sqlite.connection import Connection
from conversation_store.sqlite.faults import faults_told
from conversation_store.sqlite.rows import Row
from conversation_store.sqlite.steps import Steps
from conversation_store.sqlite.units import PATIENT, Job, Transaction, Unit, Urgency
from conversation_store.states import StoreState

__all__ = ["Row", "Transaction", "Unit", "Urgency", "Writer"]

T = TypeVar("T")

MAX_GROUP = 64
RETRY_S = 0.5
IDLE_S = 1.0


class Writer:
    """Owns the only connection that writes. Units run on its thread, so they must not wait."""

    def __init__(
        self,
        connection: Connection,
        committer: Committer | None = None,
        health: Health | None = None,
    ) -> None:
        self.health = health or Health()
        self._connection = connection
        self._committer = committer or Committer()
        self._waiting: list[Job[Any]] = []
        self._sleeping: asyncio.Future[None] | None = None
        self._closing = False
        self._patience_ends = math.inf
        self._batches = 0
        self._wal_grew = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Commit units until `close`; what was submitted before it is still committed."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._fold_in_pauses)
            task_status.started()
            await self._commit_until_closed()
            tasks.cancel_scope.cancel()

    async def _commit_until_closed(self) -> None:
        while self._waiting or not self._closing:
            fault = self.health.fault
            if fault is not None:
                await self._pause(fault)
                jobs, self._waiting = self._waiting, []
                jobs = jobs or [Job(probe, Urgency.PROMISE, durable=True)]
                if not fault.final:
                    fault = await self._connection.run(
                        partial(self._committer.try_again, fault, jobs)
                    )
            elif self._waiting:
                jobs, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
                fault = await self._connection.run(partial(self._committer.work, jobs))
            else:
                await self._woken()
                continue
            self._settle(jobs, fault)

    def close(self) -> None:
        """Let `run` end once nothing waits; what cannot be written then fails."""
        self._closing = True
        self._wake()

    def end_patience(self, seconds: float) -> None:
        """From `seconds` from now on nothing waits any more for a database that does not work."""
        self._patience_ends = anyio.current_time() + seconds

    async def submit(
        self, unit: Unit[T], *, durable: bool, urgency: Urgency = Urgency.PROMISE
    ) -> T:
        """Commit `unit`; returns its result after the commit.

        `durable` waits for the disk (synchronous=FULL): acknowledgements and ends of runs.
        Cancelling the caller does not take the unit back. Raises what the unit raises, or
        the StoreUnusableError of a database that cannot be written.
        """
        if self._closing:
            raise StoreUnusableError("store_closed", "the store is closed")
        job = Job(unit, urgency, durable=durable)
        fault = self.health.fault
        relieves = (
            fault is not None and fault.state is StoreState.FULL and urgency is Urgency.RELIEF
        )
        if fault is not None and not relieves and not self._may_wait(job, fault):
            raise fault.error()
        self._waiting.append(job)
        if fault is None:
            self._wake()
        return await job.outcome()

    async def alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work`, run between two transactions and outside of any."""

        def proven(connection: sqlite3.Connection) -> T:
            self._committer.prove(connection)
            return work(connection)

        with faults_told(self.health.set):
            return await self._connection.run(proven)

    async def in_steps(self, work: Callable[[sqlite3.Connection, Steps], T]) -> T:
        """The result of `work`, which is outside of any transaction and gives way to them.

        Unlike another connection's, its reads keep nobody from folding the log. Raises what
        `work` raises.
        """
        return await self._connection.run_in_steps(work)

    # --- on the event loop ------------------------------------------------------------------

    async def _fold_in_pauses(self) -> None:
        """Fold a log that has grown whenever nothing is committed for a while."""
        while True:
            await self._wal_grew.wait()
            batches = self._batches
            await anyio.sleep(IDLE_S)
            if batches == self._batches and self.health.fault is None:
                try:
                    done, fault = await self._connection.run(self._committer.fold)
                except Exception as error:
                    # A log that is folded later harms nobody; the writer without this task would.
                    self.health.folding_failed = str(error)
                    continue
                self.health.folding_failed = None
                self.health.set(fault)
                if fault is not None:
                    self._wake()
                if done:
                    self._wal_grew = anyio.Event()

    async def _pause(self, fault: Fault) -> None:
        """Wait until the database is to be tried again; without end if that is of no use."""
        if not self._closing and not (fault.final and self._waiting):
            with anyio.move_on_after(math.inf if fault.final else RETRY_S):
                await self._woken()

    async def _woken(self) -> None:
        self._sleeping = asyncio.get_running_loop().create_future()
        await self._sleeping

    def _wake(self) -> None:
        if self._sleeping is not None and not self._sleeping.done():
            self._sleeping.set_result(None)

    def _may_wait(self, job: Job[Any], fault: Fault) -> bool:
        if fault.final or self._closing or anyio.current_time() >= self._patience_ends:
            return False
        return job.urgency in PATIENT

    def _settle(self, jobs: list[Job[Any]], fault: Fault | None) -> None:
        """Tell the submitters of `jobs`; what may wait goes back to the front."""
        self.health.set(fault)
        self._batches += 1
        self._wal_grew.set()
        again: list[Job[Any]] = []
        if fault is not None:
            jobs += self._waiting
            self._waiting = again
        # Nothing here may hold on to the last batch, however large, until the next.
        while jobs:
            job = jobs.pop(0)
            if fault is not None and not job.over:
                if self._may_wait(job, fault):
                    again.append(job)
                    continue
                job.error = fault.error()
            job.settle()
