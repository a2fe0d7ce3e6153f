"""Commits units of work, on the writing connection's thread, and says what kept it from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from conversation_store.health import Fault
from conversation_store.sqlite.faults import fault_of
from conversation_store.sqlite.lease import prove
from conversation_store.sqlite.reserve import Reserve
from conversation_store.sqlite.units import INTO_RESERVE, PATIENT, Job, Transaction, Urgency
from conversation_store.sqlite.wal import Wal
from conversation_store.states import StoreState

Jobs = Sequence[Job[Any]]


class Committer:
    """Every method is for the connection's thread, and gets the connection.

    With an `epoch` it proves in each transaction that its owner still has the lease.
    """

    def __init__(
        self, *, epoch: int | None = None, reserve: Reserve | None = None, wal: Wal | None = None
    ) -> None:
        self._epoch = epoch
        self._reserve = reserve
        self._wal = wal
        self._synchronous_full = True

    def prove(self, connection: sqlite3.Connection) -> None:
        """StoreFencedError if another owner has the lease."""
        if self._epoch is not None:
            prove(connection, self._epoch)

    def work(self, jobs: Jobs, connection: sqlite3.Connection) -> Fault | None:
        """Commit `jobs`; the fault that was met, if any: those that are not over wait for it."""
        fault = self._commit_each(jobs, connection)
        if fault is not None and fault.state is StoreState.FULL:
            left = [job for job in jobs if not job.over and job.urgency is not Urgency.PROMISE]
            return self._commit_in_need(left, connection) or fault
        return fault

    def try_again(self, fault: Fault, jobs: Jobs, connection: sqlite3.Connection) -> Fault | None:
        """Try to work again after a fault: None if it is over. Without jobs a `probe` is tried."""
        if fault.state is not StoreState.FULL:
            return self.work(jobs, connection)
        if self._reserve is None or self._reserve.make():
            return self._commit_in_need(jobs, connection)
        kinds = PATIENT | INTO_RESERVE if self._reserve.room_for_events() else INTO_RESERVE
        tried = [job for job in jobs if job.urgency in kinds]
        return self._commit_in_need(tried, connection) or fault

    def _commit_in_need(self, jobs: Jobs, connection: sqlite3.Connection) -> Fault | None:
        """Commit on a full disk, by means of the reserve; the fault is over if it was not needed.

        What may take the last room comes before the events. A run waits for each of its
        writes, so none overtakes another one of its own.
        """
        ends = [job for job in jobs if job.urgency in INTO_RESERVE]
        rest = [job for job in jobs if job.urgency not in INTO_RESERVE]
        met: Fault | None = None
        for part in filter(None, (ends, rest)):
            fault = self._commit_each(part, connection)
            if fault is not None and fault.state is StoreState.FULL and self._release():
                met = fault
                fault = self._commit_each([job for job in part if not job.over], connection)
            if fault is not None:
                return fault
        return met

    def _release(self) -> bool:
        return self._reserve is not None and self._reserve.release()

    def _commit_each(self, jobs: Jobs, connection: sqlite3.Connection) -> Fault | None:
        """Commit `jobs` together, or each alone if one of them fails; stops at a fault."""
        try:
            self._commit(connection, jobs)
        except Exception as error:  # each unit hears of its own failure below
            fault = fault_of(error)
            if fault is not None:
                return fault
        else:
            return None
        for job in jobs:
            try:
                self._commit(connection, [job])
            except Exception as error:  # the submitter gets it
                fault = fault_of(error)
                if fault is not None:
                    return fault
                job.error = error
                job.over = True
        return None

    def _commit(self, connection: sqlite3.Connection, jobs: Jobs) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        full = any(job.durable for job in jobs)
        if full != self._synchronous_full:
            connection.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
            self._synchronous_full = full
        connection.execute("BEGIN IMMEDIATE")
        try:
            self.prove(connection)
            transaction = Transaction(connection, self._epoch or 0)
            for job in jobs:
                job.result = job.unit(transaction)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with suppress(sqlite3.Error):  # tried again before the next transaction
                    connection.execute("ROLLBACK")
            raise
        for job in jobs:
            job.over = True

    def fold(self, connection: sqlite3.Connection) -> tuple[bool, Fault | None]:
        """Fold the log; False if there is more to fold later."""
        try:
            return self._wal is None or self._wal.fold(connection), None
        except sqlite3.Error as error:
            fault = fault_of(error)
            if fault is None or fault.state is StoreState.LOCKED:
                return False, None
            if fault.state is StoreState.FULL:
                self._release()
            return False, fault


def probe(transaction: Transaction) -> None:
    """A unit that writes, and changes nothing."""
    transaction.run("probe", {})
