"""What a store does for processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from conversation_store.records import NewEvent, ProcessRecord


class Processes(Protocol):
    """Rows exist for living processes, and for those that a crash left unproved."""

    async def add(self, process: ProcessRecord) -> None:
        """Write a further process of a running run down."""
        ...

    async def note_background(self, process_id: str, background: str) -> None:
        """Write down what it has left to do after its runs' ends, as a JSON list."""
        ...

    async def forget(self, process_id: str) -> None:
        """It is proved to be gone with all that it started."""
        ...

    async def lose(self, process: ProcessRecord, events: Sequence[NewEvent]) -> None:
        """Forget a process of an earlier service, and store the events of its conversation."""
        ...

    async def all(self) -> list[ProcessRecord]:
        """Every process written down, oldest first."""
        ...
