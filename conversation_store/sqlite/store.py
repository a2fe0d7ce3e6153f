"""The store as a whole: open it, use its rooms, close it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio import to_thread

from conversation_store.errors import StoreFullError, StoreUnusableError
from conversation_store.health import Fault, Health
from conversation_store.records import Owner
from conversation_store.sqlite.agents import Agents
from conversation_store.sqlite.approvals import Approvals
from conversation_store.sqlite.attachments import Attachments
from conversation_store.sqlite.circuits import Circuits
from conversation_store.sqlite.committer import Committer
from conversation_store.sqlite.comparisons import Comparisons
from conversation_store.sqlite.connection import Connection, connect
from conversation_store.sqlite.conversations import Conversations, current_conversations
from conversation_store.sqlite.deadlines import Deadlines
from conversation_store.sqlite.events import Events
from conversation_store.sqlite.faults import fault_of
from conversation_store.sqlite.integrity.integrity import Integrity
from conversation_store.sqlite.integrity.quick import quick_check
from conversation_store.sqlite.lease import take
from conversation_store.sqlite.logins import Logins
from conversation_store.sqlite.migrate import check_version, migrate
from conversation_store.sqlite.processes import Processes
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.reserve import Reserve
from conversation_store.sqlite.runs import Runs
from conversation_store.sqlite.tickets import Tickets
from conversation_store.sqlite.toggles import Toggles
from conversation_store.sqlite.wal import BUSY_TIMEOUT_MS, Wal
from conversation_store.sqlite.writer import Writer
from conversation_store.states import StoreState

READERS = 4
QUICK_CHECK_S = 2.0
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "journal_size_limit=67108864",
)


class UnopenedStore:
    """A database that is looked at while no service has it."""

    def __init__(self, path: Path) -> None:
        self.integrity = Integrity(path, None)


class Store:
    """Agents, conversations, runs, events and processes of one SQLite database."""

    def __init__(self, path: Path, writer: Writer, readers: Readers) -> None:
        self.health = writer.health
        self.end_patience = writer.end_patience
        self.agents = Agents(writer, readers)
        current = current_conversations(readers)
        self.conversations = Conversations(writer, readers, current)
        self.attachments = Attachments(writer, readers)
        self.runs = Runs(writer, readers, current)
        self.events = Events(writer, readers)
        self.approvals = Approvals(writer, readers)
        self.processes = Processes(writer, readers)
        self.circuits = Circuits(writer, readers)
        self.toggles = Toggles(writer, readers)
        self.tickets = Tickets(writer, readers)
        self.comparisons = Comparisons(writer, readers)
        self.logins = Logins(writer, readers)
        self.deadlines = Deadlines(writer)
        self.integrity = Integrity(path, writer)


async def _connect_writer(path: Path, owner: Owner | None) -> tuple[Connection, int | None]:
    """The connection that writes, and the epoch of the lease that `owner` took with it."""

    def prepare(plain: sqlite3.Connection) -> int | None:
        _prepare(plain)
        return take(plain, owner) if owner is not None else None

    try:
        connection = await connect(path, f"busy_timeout={BUSY_TIMEOUT_MS}")
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error
    try:
        return connection, await connection.run(prepare)
    except sqlite3.DatabaseError as error:
        await connection.close()
        raise _unusable(path, error) from error
    except BaseException:
        await connection.close()
        raise


def _prepare(connection: sqlite3.Connection) -> None:
    """Refuse a newer schema before the first write: going to WAL changes the file."""
    check_version(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    migrate(connection)


def _unusable(path: Path, error: sqlite3.DatabaseError) -> StoreUnusableError:
    fault = fault_of(error)
    if fault is not None:
        return fault.refusal(path)
    return StoreUnusableError(
        "database_unusable", f"{path} cannot be opened as a database: {error}. It was left as it is"
    )


@asynccontextmanager
async def open_store(path: Path, *, owner: Owner | None = None) -> AsyncIterator[Store]:
    """Open or create the database at `path` (mode 0600) for as long as the block runs.

    With an `owner` it is opened for service: looked over for QUICK_CHECK_S at most, its
    lease taken, the reserve beside it. StoreUnusableError says why it cannot be opened:
    StoreCorruptError if it is damaged, `newer_schema` if it is newer than this code.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    elif owner is not None:
        fault = await quick_check(path, QUICK_CHECK_S)
        if fault is not None and fault.state is StoreState.CORRUPT:
            raise fault.refusal(path)
    reserve = Reserve(path.with_name("reserve")) if owner is not None else None
    try:
        connection, epoch = await _connect_writer(path, owner)
    except StoreFullError:
        if reserve is None or not reserve.release():
            raise
        connection, epoch = await _connect_writer(path, owner)
    health = Health()
    try:
        if reserve is not None and not await to_thread.run_sync(reserve.make):
            health.set(Fault(StoreState.FULL, "no room for the reserve"))
        committer = Committer(epoch=epoch, reserve=reserve, wal=Wal(path))
        writer = Writer(connection, committer, health)
        readers = Readers(path, READERS, health)
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(writer.run)
                try:
                    yield Store(path, writer, readers)
                finally:
                    writer.close()
        finally:
            with anyio.CancelScope(shield=True):
                await readers.close()
    finally:
        with anyio.CancelScope(shield=True):
            await connection.close()
            if reserve is not None and health.state is not StoreState.FENCED:
                await to_thread.run_sync(reserve.release)
