"""The room of the store that looks after the database, in service or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec
from anyio import to_thread

from conversation_store.errors import StoreCorruptError, StoreUnusableError
from conversation_store.sqlite.connection import connect
from conversation_store.sqlite.faults import Fault, StoreState, faults_told
from conversation_store.sqlite.integrity.backup import (
    copy_database,
    keep,
    need_room,
    unfinished,
    verify,
)
from conversation_store.sqlite.integrity.backups import backup_name
from conversation_store.sqlite.integrity.check import check, damaged
from conversation_store.sqlite.integrity.findings import Finding, FindingCode, Repair
from conversation_store.sqlite.integrity.repair import Keeper, rebuild_indexes, repair
from conversation_store.sqlite.integrity.stats import DatabaseStats, measure
from conversation_store.sqlite.migrate import check_version, migrations
from conversation_store.sqlite.statements import statements
from conversation_store.sqlite.steps import Steps
from conversation_store.sqlite.writer import Transaction, Writer

T = TypeVar("T")


class Integrity:
    """Looks at the database at `path`; without a `writer` it only reads and needs no store.

    Each look has a connection of its own: neither writers nor readers wait for it, and the
    log of what is written meanwhile grows until its end.
    StoreUnusableError if the database cannot be read; `older_schema` where a method needs
    the newest one.
    """

    def __init__(self, path: Path, writer: Writer | None) -> None:
        self._path = path
        self._writer = writer

    async def check(self, copy: Path | None = None) -> list[Finding]:
        """Everything that is wrong, looked for in the database or in a fresh `copy` of it.

        Damaged pages end the writing, too: it makes them more.
        """
        subject = Integrity(copy, None) if copy is not None else self
        try:
            findings = await subject._look(check)
        except StoreCorruptError as error:
            findings = [damaged(FindingCode.DAMAGED_PAGES, error.message)]
        for finding in findings:
            if finding.code is FindingCode.DAMAGED_PAGES and self._writer is not None:
                self._writer.health.set(Fault(StoreState.CORRUPT, finding.detail))
        return findings

    async def runs_not_over(self) -> dict[str, int]:
        """Runs in no terminal state, each with the epoch that accepted it."""
        rows = await self._look(lambda c: c.execute(statements()["runs_not_over"]).fetchall())
        return {row[0]: row[2] for row in rows}

    async def run_states(self) -> dict[str, dict[str, str]]:
        """The state of every run of a prompt, for each agent from its oldest one on.

        What a CLI does by itself stands in the raw logs of those.
        """
        rows = await self._look(lambda c: c.execute(statements()["run_states"]).fetchall())
        states: dict[str, dict[str, str]] = {}
        for agent_id, run_id, state in rows:
            states.setdefault(agent_id, {})[run_id] = state
        return states

    async def stats(self) -> DatabaseStats:
        """Sizes and counts."""
        return await self._look(lambda connection: measure(connection, self._path), newest=False)

    async def back_up(self, folder: Path, stamp: str) -> Path:
        """A verified copy in `folder`; StoreFullError if it has no room to spare.

        Where there is a writer it takes turns with it, a MiB or so at a time.
        """
        path = folder / backup_name(stamp)
        folder.mkdir(mode=0o700, exist_ok=True)
        with unfinished(path) as copy:
            await self._copy(copy)
            await Integrity(copy, None)._look(verify, newest=False)
            await to_thread.run_sync(keep, copy, path)
        return path

    async def repair(self, keeper: Keeper) -> list[Repair]:
        """Repair what is provable; `keeper` gets each row before it is removed or changed."""
        findings = await self.check()
        writer = self._need_writer()
        indexes = await writer.alone(lambda connection: rebuild_indexes(connection, findings))
        rows = await writer.submit(
            lambda transaction: repair(transaction.connection, keeper), durable=True
        )
        return [*indexes, *rows]

    async def vacuum(self) -> None:
        """Write the database anew without its free pages; writers wait meanwhile."""
        await self._need_writer().alone(_vacuum)

    async def note(self, kind: str, report: Any, *, now: str) -> None:
        """Remember a report, a value for JSON, as the last of its kind."""
        parameters = {
            "kind": kind,
            "finished_at": now,
            "report": msgspec.json.encode(report).decode(),
        }

        def unit(transaction: Transaction) -> None:
            transaction.run("note_maintenance", parameters)

        await self._need_writer().submit(unit, durable=False)

    async def last(self) -> dict[str, Any]:
        """The last report of each kind."""
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
