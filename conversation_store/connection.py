"""An aiosqlite connection that can run a whole function on its thread.

Each aiosqlite call is a trip to the connection's thread and back, some 100 µs; a
transaction of ten statements would make twelve. Here it makes one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

T = TypeVar("T")


class Connection(aiosqlite.Connection):
    """Open with `connect`."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work` with the plain connection, on the connection's own thread."""
        box: list[T] = []

        def boxed() -> None:
            box.append(work(self._conn))

        # The thread holds on to its last call until the next one: an empty box is small.
        await self._execute(boxed)  # type: ignore[no-untyped-call]
        return box.pop()


async def connect(path: Path, *pragmas: str) -> Connection:
    """A connection in autocommit mode with `pragmas` set; sqlite3.Error if it cannot be had."""

    def connector() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    connection = Connection(connector, iter_chunk_size=64)
    await connection
    return connection
