"""An aiosqlite connection that can run a whole function on its thread.

Each aiosqlite call is a trip to the connection's thread and back, some 100 µs; a
transaction of ten statements would make twelve. Here it makes one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiosqlite
import anyio

from conversation_store.sqlite.steps import Steps

T = TypeVar("T")

# What a connection is on its own thread. Every statement of the store goes through one, so
# a subclass here is how a test lets any of them fail.
PLAIN: type[sqlite3.Connection] = sqlite3.Connection


class Connection(aiosqlite.Connection):
    """Open with `connect`."""

    _steps: Steps | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work` with the plain connection, on the connection's own thread."""
        box: list[T] = []

        def boxed() -> None:
            box.append(work(self._conn))

        # The thread holds on to its last call until the next one: an empty box is small.
        if self._steps is None:
            await self._execute(boxed)  # type: ignore[no-untyped-call]
        else:
            await self._steps.between(boxed)
        return box.pop()

    async def run_in_steps(self, work: Callable[[sqlite3.Connection, Steps], T]) -> T:
        """The result of `work`, which takes long and gives way between its steps.

        What `run` is asked for meanwhile is done there. A caller that is cancelled ends the
        work at its next step, and is held until then. One at a time.
        """
        box: list[T] = []
        steps = Steps()

        def boxed() -> None:
            box.append(work(self._conn, steps))

        self._steps = steps
        try:
            await self._execute(boxed)  # type: ignore[no-untyped-call]
        finally:
            self._steps = None
            steps.over = True
            with anyio.CancelScope(shield=True):
                await self._execute(steps.catch_up)  # type: ignore[no-untyped-call]
        return box.pop()


async def connect(path: Path, *pragmas: str, read_only: bool = False) -> Connection:
    """A connection in autocommit mode with `pragmas` set; sqlite3.Error if it cannot be had.

    A read-only one leaves the file as it is, also when it is the last one to be closed.
    """

    def set_pragmas(plain: sqlite3.Connection) -> None:
        for pragma in pragmas:
            plain.execute(f"PRAGMA {pragma}")

    name = f"{path.absolute().as_uri()}?mode=ro" if read_only else str(path)
    connection = Connection(
        partial(sqlite3.connect, name, isolation_level=None, factory=PLAIN, uri=read_only),
        iter_chunk_size=64,
    )
    # A caller that leaves meanwhile would leave it open, and its thread without an event loop.
    with anyio.CancelScope(shield=True):
        await connection
        try:
            await connection.run(set_pragmas)
        except BaseException:
            await connection.close()
            raise
    return connection
