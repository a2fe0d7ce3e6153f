"""A small pool of read-only connections; each read is one short statement."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from conversation_store.connection import Connection, connect
from conversation_store.statements import statements
from conversation_store.writer import Row


class Readers:
    """Hands out connections first come, first served."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._idle: list[Connection] = []
        self._free = anyio.Semaphore(size)
        self._statements = statements()

    async def read(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of the statement `name`."""
        sql = self._statements[name]
        async with self._connection() as connection:
            return await connection.run(lambda plain: plain.execute(sql, parameters).fetchall())

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

        async with self._connection() as connection:
            return await connection.run(read)

    async def close(self) -> None:
        """Close every idle connection; call it when nothing reads any more."""
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with self._free:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                yield connection
            finally:
                self._idle.append(connection)

    async def _connect(self) -> Connection:
        return await connect(self._path, "busy_timeout=5000", "query_only=ON")
