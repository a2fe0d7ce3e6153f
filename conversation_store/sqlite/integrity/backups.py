"""The folder of backups: which there are, and which of them are good."""

from __future__ import annotations

from pathlib import Path

from conversation_store.sqlite.integrity.quick import quick_check

_PREFIX = "agent-runner-"
_CHECK_S = 60.0


def backup_name(stamp: str) -> str:
    """The file name of a backup made at `stamp`, which sorts by time."""
    return f"{_PREFIX}{stamp}.db"


def backups(folder: Path) -> list[Path]:
    """Every backup, the newest first."""
    return sorted(folder.glob(f"{_PREFIX}*.db"), reverse=True)


async def newest_good(folder: Path) -> Path | None:
    """The newest backup in which no damage is found."""
    for path in backups(folder):
        if await quick_check(path, _CHECK_S) is None:
            return path
    return None
