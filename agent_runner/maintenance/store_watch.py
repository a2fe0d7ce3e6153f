"""Watches the store: one line in the log for each change, and the state for /health."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import structlog

from agent_runner import wire
from agent_runner.troubles import Trouble
from conversation_store.interfaces import Store
from conversation_store.records import Record
from conversation_store.states import StoreState

log = structlog.get_logger(__name__)

WAL_ALARM_BYTES = 64 << 20
_WAL_CHECK_S = 5.0


class StoreHealth(Record, frozen=True, kw_only=True):
    """What the database can do, and since when. `backup` is the newest, if it is damaged."""

    state: StoreState
    since: str
    detail: str | None = None
    code: str | None = None
    backup: str | None = None


class StoreWatch:
    """Run `run` in a task. `fenced` is set when another service has taken the database."""

    def __init__(self, store: Store, backup_folder: Path) -> None:
        self.fenced = anyio.Event()
        self._health = store.health
        self._integrity = store.integrity
        self._folds_since: str | None = None
        self._wal_is_large = False
        self._backups = backup_folder
        self._told = StoreHealth(state=StoreState.OK, since=wire.now())

    def health(self) -> StoreHealth:
        """The present state."""
        if self._health.state is not self._told.state:
            self._tell()
        return self._told

    def troubles(self) -> Iterator[Trouble]:
        """That the write-ahead log cannot be folded, beside what `health` tells."""
        reason = self._health.folding_failed
        self._folds_since = (self._folds_since or wire.now()) if reason is not None else None
        if reason is not None and self._folds_since is not None:
            yield Trouble(
                code="wal_not_folded",
                what="store",
                since=self._folds_since,
                count=1,
                detail=reason,
            )

    async def run(self) -> None:
        """Tell of each change; runs for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_wal)
            while True:
                self.health()
                await self._health.changed()

    def _tell(self) -> None:
        fault = self._health.fault
        if fault is None:
            log.info("store_works_again", was=self._told.state, since=self._told.since)
            self._told = StoreHealth(state=StoreState.OK, since=wire.now())
            return
        error = fault.error()
        newest = (
            self._integrity.backups(self._backups)[:1] if fault.state is StoreState.CORRUPT else []
        )
        self._told = StoreHealth(
            state=fault.state,
            since=wire.now(),
            detail=error.message,
            code=error.code,
            backup=str(newest[0]) if newest else None,
        )
        log.error(
            "store_unusable",
            state=self._told.state,
            code=self._told.code,
            detail=self._told.detail,
            **({"backup": self._told.backup} if self._told.backup else {}),
        )
        if fault.state is StoreState.FENCED:
            self.fenced.set()

    async def _watch_wal(self) -> None:
        while True:
            self._check_wal()
            await anyio.sleep(_WAL_CHECK_S)

    def _check_wal(self) -> None:
        """A log that keeps growing has a reader that does not end; told once each time."""
        size = self._integrity.log_bytes()
        if size > WAL_ALARM_BYTES and not self._wal_is_large:
            log.warning("wal_large", bytes=size, alarm_bytes=WAL_ALARM_BYTES)
        elif size <= WAL_ALARM_BYTES and self._wal_is_large:
            log.info("wal_small_again", bytes=size)
        self._wal_is_large = size > WAL_ALARM_BYTES
