"""A unit of work: what it may do, and what becomes of it when the database fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Generic, TypeVar

from conversation_store.sqlite.rows import Row
from conversation_store.sqlite.statements import statements

T = TypeVar("T")


class Urgency(Enum):
    """What a unit does when the database cannot be written."""

    PROMISE = "an acknowledgement: it fails at once"
    RELIEF = "makes room: it fails at once, but is tried on a full disk"
    PATIENT = "belongs to what was acknowledged: it waits"
    END = "the same, and may take the last room on a full disk: the moves and ends of runs"


PATIENT = frozenset({Urgency.PATIENT, Urgency.END})
INTO_RESERVE = frozenset({Urgency.RELIEF, Urgency.END})


class Transaction:
    """What a unit of work may do: run the named statements. `epoch` is the writer's.

    The plain `connection` is for those whose statements are not known beforehand.
    """

    def __init__(self, connection: sqlite3.Connection, epoch: int = 0) -> None:
        self.connection = connection
        self.epoch = epoch
        self._statements = statements()

    def run(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run the statement `name`; returns its rows."""
        return self.connection.execute(self._statements[name], parameters).fetchall()

    def change(self, name: str, parameters: Mapping[str, Any]) -> int:
        """Run the statement `name`; returns how many rows it changed.

        A third of what the same takes with RETURNING, which makes a table for it first.
        """
        return self.connection.execute(self._statements[name], parameters).rowcount

    def run_many(self, name: str, parameters: Sequence[Row]) -> None:
        """Run the statement `name` once for each row of parameters."""
        self.connection.executemany(self._statements[name], parameters)

    def run_large(
        self, name: str, parameters: Mapping[str, Any], column: tuple[str, str], data: bytes
    ) -> None:
        """Insert a row whose blob `column` (table, name) is `data`, without copies of it.

        The statement inserts zeros of the right length and returns the row's id; bound
        values would be copied twice and kept until the statement's next use.
        """
        (rowid,) = self.connection.execute(self._statements[name], parameters).fetchone()
        with self.connection.blobopen(*column, rowid) as blob:
            blob.write(data)


Unit = Callable[[Transaction], T]


class Job(Generic[T]):
    """A unit on its way, and the place its result is put. Made on the event loop."""

    def __init__(self, unit: Unit[T], urgency: Urgency, *, durable: bool) -> None:
        self.unit = unit
        self.urgency = urgency
        self.durable = durable
        self.over = False
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.result: T | None = None
        self.error: Exception | None = None

    def settle(self) -> None:
        """Let the submitter have what there is, if it has not left."""
        if not self._settled.done():
            self._settled.set_result(None)

    async def outcome(self) -> T:
        """The result, once it is settled; raises the error instead."""
        await self._settled
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]
