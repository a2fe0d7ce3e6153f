"""A small pool of read-only connections; each read is one short statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import anyio

from conversation_store.errors import StoreUnusableError
from conversation_store.health import Health
from conversation_store.sqlite.connection import Connection, connect
from conversation_store.sqlite.faults import faults_told
from conversation_store.sqlite.statements import statements
from conversation_store.sqlite.writer import Row

T = TypeVar("T")


class Readers:
    """Hands out connections first come, first served."""

    def __init__(self, path: Path, size: int, health: Health) -> None:
        self._path = path
        self._health = health
        self._idle: list[Connection] = []
        self._closed = False
        self._free = anyio.Semaphore(size, fast_acquire=True)
        self._statements = statements()

    async def read(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of the statement `name`; StoreUnusableError if the database cannot be read."""
        sql = self._statements[name]
        return await self._run(lambda plain: plain.execute(sql, parameters).fetchall())

    async def read_blob(
        self, name: str, parameters: Mapping[str, Any], column: tuple[str, str], part: slice
    ) -> bytes:
        """Bytes `part` of the blob `column` (table, name) of the row whose rowid `name` selects.

        b"" if there is no such row or byte. Unlike substr(), which has the engine make the
        whole value first, this takes memory for the part alone.
        """
        sql = self._statements[name]

        def read(plain: sqlite3.Connection) -> bytes:
            row = plain.execute(sql, parameters).fetchone()
            if row is None:
                return b""
            with plain.blobopen(*column, row[0], readonly=True) as blob:
                piece: bytes = blob[part]  # type: ignore[assignment]
                return piece

        return await self._run(read)

    async def close(self) -> None:
        """Close every connection, one that still reads after its read; none is opened again.

        A connection that is left open would keep the process from its end.
        """
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        with faults_told(self._health.set):
            async with self._free:
                if self._closed:
                    raise StoreUnusableError("store_closed", "the store is closed")
                connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    return await connection.run(read)
                finally:
                    await self._give_back(connection)

    async def _give_back(self, connection: Connection) -> None:
        self._idle.append(connection)
        if self._closed:
            with anyio.CancelScope(shield=True):
                await self.close()

    async def _connect(self) -> Connection:
        return await connect(self._path, "busy_timeout=5000", "query_only=ON")
