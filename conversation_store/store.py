"""The store as a whole: open it, use its rooms, close it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from conversation_store.agents import Agents
from conversation_store.breakers import Breakers
from conversation_store.connection import Connection, connect
from conversation_store.conversations import Conversations
from conversation_store.errors import StoreUnusableError
from conversation_store.events import Events
from conversation_store.migrate import check_version, migrate
from conversation_store.processes import Processes
from conversation_store.readers import Readers
from conversation_store.runs import Runs
from conversation_store.writer import Writer

READERS = 4
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "journal_size_limit=67108864",
)


class Store:
    """Agents, conversations, runs, events and processes of one SQLite database."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self.agents = Agents(writer, readers)
        self.conversations = Conversations(writer, readers)
        self.runs = Runs(writer, readers)
        self.events = Events(writer, readers)
        self.processes = Processes(writer, readers)
        self.breakers = Breakers(writer, readers)


async def _connect_writer(path: Path) -> Connection:
    try:
        connection = await connect(path, "busy_timeout=5000")
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error
    try:
        await connection.run(_prepare)
    except sqlite3.DatabaseError as error:
        await connection.close()
        raise _unusable(path, error) from error
    except BaseException:
        await connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Refuse a newer schema before the first write: going to WAL changes the file."""
    check_version(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    migrate(connection)


def _unusable(path: Path, error: sqlite3.DatabaseError) -> StoreUnusableError:
    return StoreUnusableError(
        "database_unusable",
        f"{path} cannot be opened as a database: {error}. It was left as it is; "
        "restore a backup in its place, or choose another --state-dir",
    )


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[Store]:
    """Open or create the database at `path` (mode 0600) for as long as the block runs.

    StoreUnusableError if it is damaged, or newer than this code.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = await _connect_writer(path)
    writer, readers = Writer(connection), Readers(path, READERS)
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(writer.run)
            try:
                yield Store(writer, readers)
            finally:
                writer.close()
    finally:
        with anyio.CancelScope(shield=True):
            await readers.close()
            await connection.close()
