"""What a store does for the database itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from conversation_store.findings import Finding, Repair
from conversation_store.records import DatabaseStats


class Keeper(Protocol):
    """Keeps each row that is about to be removed or changed."""

    def keep(self, thing: dict[str, Any]) -> None:
        """Write it down."""
        ...

    def sync(self) -> None:
        """Have all of it on the disk: the repair is committed next."""
        ...


class Integrity(Protocol):
    """Looks after the database; what only reads needs no store that is open.

    StoreUnusableError if the database cannot be read; `older_schema` where a method needs
    the newest one.
    """

    async def check(self, copy: Path | None = None) -> list[Finding]:
        """Everything that is wrong, looked for in the database or in a fresh `copy` of it.

        Damaged pages end the writing, too: it makes them more.
        """
        ...

    async def runs_not_over(self) -> dict[str, int]:
        """Runs in no terminal state, each with the epoch that accepted it."""
        ...

    async def run_states(self) -> dict[str, dict[str, str]]:
        """The state of every run of a prompt, for each agent from its oldest one on.

        What a CLI does by itself stands in the raw logs of those.
        """
        ...

    async def stats(self) -> DatabaseStats:
        """Sizes and counts."""
        ...

    async def back_up(self, folder: Path, stamp: str) -> Path:
        """A verified copy in `folder`; StoreFullError if it has no room to spare.

        Where there is a writer it takes turns with it, a MiB or so at a time.
        """
        ...

    def backups(self, folder: Path) -> list[Path]:
        """Every backup in `folder`, the newest first."""
        ...

    def log_bytes(self) -> int:
        """What was written and is not in the database's own file yet."""
        ...

    async def repair(self, keeper: Keeper) -> list[Repair]:
        """Repair what is provable; `keeper` gets each row before it is removed or changed."""
        ...

    async def store_id(self) -> str:
        """What tells this database from any other, but for its copies."""
        ...

    async def vacuum(self) -> None:
        """Write the database anew without its free pages; writers wait meanwhile."""
        ...

    async def note(self, kind: str, report: Any, *, now: str) -> None:
        """Remember a report, a value for JSON, as the last of its kind."""
        ...

    async def last(self) -> dict[str, Any]:
        """The last report of each kind."""
        ...
