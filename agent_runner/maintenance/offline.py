"""The maintenance of a state folder that no service uses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent_runner import wire
from agent_runner.errors import NotFoundError
from agent_runner.maintenance.service import Folders, Maintenance
from conversation_store.sqlite.integrity.restore import restore
from conversation_store.sqlite.store import UnopenedStore, open_store


def check_database(folders: Folders) -> None:
    """NotFoundError `no_database` if there is none; claiming the folder would make the folder."""
    if not folders.database.exists():
        raise NotFoundError(
            "no_database",
            f"there is no database at {folders.database}",
            hint="name the service's folder with --state-dir",
        )


@asynccontextmanager
async def caretaker_of(
    folders: Folders, *, keep_backups: int, writing: bool
) -> AsyncIterator[Maintenance]:
    """A maintenance; one that may repair and shrink if `writing`. The folder must be claimed."""
    if not writing:
        unopened = UnopenedStore(folders.database)
        yield Maintenance(folders, keep_backups=keep_backups, store=unopened, writing=False)
        return
    async with open_store(folders.database) as store:
        yield Maintenance(folders, keep_backups=keep_backups, store=store)


def put_back(backup: Path, folders: Folders, aside: Path) -> list[Path]:
    """Restore a backup; returns where what it replaced is kept."""
    if not backup.is_file():
        raise NotFoundError("no_backup", f"there is no file {backup}")
    stamp = wire.now().replace("-", "").replace(":", "")
    return restore(backup, folders.database, aside / stamp)
