"""Why the service does not start on this database, and what to do."""

from __future__ import annotations

from agent_runner import quoting
from agent_runner.app.database import newest_good
from agent_runner.app.state_dir import StateDir
from agent_runner.errors import UnavailableError
from conversation_store.errors import (
    StoreCorruptError,
    StoreFullError,
    StoreLockedError,
    StoreUnusableError,
    StoreUnwritableError,
)


async def refused(error: StoreUnusableError, state: StateDir) -> UnavailableError:
    """`error` for the person who starts the service; damage names the newest good backup."""
    hint: str | None = None
    if isinstance(error, StoreCorruptError):
        backup = await newest_good(state.backups)
        words = ["agent-runner", "db", "restore", str(backup), "--state-dir", str(state.root)]
        hint = (
            f"put the newest good backup in its place: {quoting.shell(words)}"
            if backup is not None
            else f"there is no good backup in {state.backups}; see runbooks/database.md"
        )
    elif isinstance(error, StoreFullError):
        hint = "free some space on its disk, then start again"
    elif isinstance(error, StoreLockedError):
        hint = f"close the program that has {state.database} open, then start again"
    elif isinstance(error, StoreUnwritableError):
        hint = f"look at the rights of {state.root} and at its disk, then start again"
    return UnavailableError(error.code, error.message, hint=hint)
