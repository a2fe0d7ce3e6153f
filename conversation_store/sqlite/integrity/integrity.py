"""The room of the store that looks after the database, in service or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec
from anyio import to_thread
from typing_extensions import override

from conversation_store import interfaces
from conversation_store.errors import StoreCorruptError, StoreUnusableError
from conversation_store.findings import Finding, FindingCode, Repair
from conversation_store.health import Fault
from conversation_store.interfaces.integrity import Keeper
from conversation_store.records import DatabaseStats
from conversation_store.sqlite.connection import connect
from conversation_store.sqlite.faults import faults_told
from conversation_store.sqlite.integrity.backup import (
    copy_database,
    keep,
    need_room,
    unfinished,
    verify,
)
from conversation_store.sqlite.integrity.backups import backup_name, backups
from conversation_store.sqlite.integrity.check import check, damaged
from conversation_store.sqlite.integrity.repair import rebuild_indexes, repair
from conversation_store.sqlite.integrity.stats import measure
from conversation_store.sqlite.migrate import check_version, migrations
from conversation_store.sqlite.statements import statements
from conversation_store.sqlite.steps import Steps
from conversation_store.sqlite.wal import Wal
from conversation_store.sqlite.writer import Transaction, Writer
from conversation_store.states import StoreState

T = TypeVar("T")


class Integrity(interfaces.Integrity):
    """Looks at the database at `path`; without a `writer` it only reads and needs no store.

    Each look has a connection of its own: neither writers nor readers wait for it, and the
    log of what is written meanwhile grows until its end.
    """

    def __init__(self, path: Path, writer: Writer | None) -> None:
        self._path = path
        self._writer = writer

    @override
    async def check(self, copy: Path | None = None) -> list[Finding]:
        subject = Integrity(copy, None) if copy is not None else self
        try:
            findings = await subject._look(check)
        except StoreCorruptError as error:
            findings = [damaged(FindingCode.DAMAGED_PAGES, error.message)]
        for finding in findings:
            if finding.code is FindingCode.DAMAGED_PAGES and self._writer is not None:
                self._writer.health.set(Fault(StoreState.CORRUPT, finding.detail))
        return findings

    @override
    async def runs_not_over(self) -> dict[str, int]:
        rows = await self._look(lambda c: c.execute(statements()["runs_not_over"]).fetchall())
        return {row[0]: row[2] for row in rows}

    @override
    async def run_states(self) -> dict[str, dict[str, str]]:
        rows = await self._look(lambda c: c.execute(statements()["run_states"]).fetchall())
        states: dict[str, dict[str, str]] = {}
        for agent_id, run_id, state in rows:
            states.setdefault(agent_id, {})[run_id] = state
        return states

    @override
    async def stats(self) -> DatabaseStats:
        return await self._look(lambda connection: measure(connection, self._path), newest=False)

    @override
    async def back_up(self, folder: Path, stamp: str) -> Path:
        path = folder / backup_name(stamp)
        folder.mkdir(mode=0o700, exist_ok=True)
        with unfinished(path) as copy:
            await self._copy(copy)
            await Integrity(copy, None)._look(verify, newest=False)
            await to_thread.run_sync(keep, copy, path)
        return path

    @override
    def backups(self, folder: Path) -> list[Path]:
        return backups(folder)

    @override
    def log_bytes(self) -> int:
        return Wal(self._path).size()

    @override
    async def repair(self, keeper: Keeper) -> list[Repair]:
        findings = await self.check()
        writer = self._need_writer()
        indexes = await writer.alone(lambda connection: rebuild_indexes(connection, findings))
        rows = await writer.submit(
            lambda transaction: repair(transaction.connection, keeper), durable=True
        )
        return [*indexes, *rows]

    @override
    async def store_id(self) -> str:
        rows = await self._look(lambda c: c.execute(statements()["store_id"]).fetchall())
        return str(rows[0][0])

    @override
    async def vacuum(self) -> None:
        await self._need_writer().alone(_vacuum)

    @override
    async def note(self, kind: str, report: Any, *, now: str) -> None:
        parameters = {
            "kind": kind,
            "finished_at": now,
            "report": msgspec.json.encode(report).decode(),
        }

        def unit(transaction: Transaction) -> None:
            transaction.run("note_maintenance", parameters)

        await self._need_writer().submit(unit, durable=False)

    @override
    async def last(self) -> dict[str, Any]:
        rows = await self._look(lambda c: c.execute(statements()["last_maintenance"]).fetchall())
        return {row[0]: msgspec.json.decode(row[1]) for row in rows}

    def _need_writer(self) -> Writer:
        if self._writer is None:
            raise StoreUnusableError("store_closed", "the store is not open for writing")
        return self._writer

    async def _copy(self, path: Path) -> None:
        def copy(connection: sqlite3.Connection, steps: Steps | None = None) -> None:
            need_room(connection, path.parent)
            copy_database(connection, path, steps)

        if self._writer is None:
            await self._look(copy, newest=False)
        else:
            with faults_told():
                await self._writer.in_steps(copy)

    async def _look(self, work: Callable[[sqlite3.Connection], T], *, newest: bool = True) -> T:
        def versioned(connection: sqlite3.Connection) -> T:
            known = migrations()[-1][0]
            if check_version(connection) < known and newest:
                raise StoreUnusableError(
                    "older_schema",
                    f"{self._path} has an older schema; starting the service brings it to {known}",
                )
            return work(connection)

        with faults_told():
            connection = await connect(self._path, "busy_timeout=5000", read_only=True)
            try:
                return await connection.run(versioned)
            finally:
                with anyio.CancelScope(shield=True):
                    await connection.interrupt()  # a look that is not waited for any more
                    await connection.close()


def _vacuum(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    # The new pages are in the log: only folding them shrinks the file.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
