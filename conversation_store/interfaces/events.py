"""What a store does for events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from conversation_store.records import NewEvent, StoredEvent

PAGE_ROWS = 500
PAGE_BYTES = 1 << 20
"""A page has no more events, nor bytes but in one event that is larger."""


class Events(Protocol):
    """Appends to and reads from the log."""

    async def append(
        self, conversation_id: str, batch: Sequence[tuple[str | None, NewEvent]]
    ) -> list[StoredEvent]:
        """Commit events of one conversation, each with its run and the move it tells of, in order.

        Waits for a database that cannot be written now. A move is durable.
        """
        ...

    def pieces(self, conversation_id: str, seq: int, *, start: int) -> AsyncIterator[bytes]:
        """An event's payload from byte `start` in pieces of PAGE_BYTES, never whole."""
        ...

    def of_conversation(
        self, conversation_id: str, *, after: int, until: int
    ) -> AsyncIterator[list[StoredEvent]]:
        """Events with after < seq <= until in pages of about a mebibyte."""
        ...

    def of_run(self, run_id: str, *, after: int, until: int) -> AsyncIterator[list[StoredEvent]]:
        """Events of one run with after < seq <= until, in pages of about a mebibyte."""
        ...
