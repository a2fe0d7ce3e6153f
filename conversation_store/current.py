"""Which conversation of each agent is its newest open one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from conversation_store.readers import Readers


class CurrentConversations:
    """Each prompt asks for it, so what was read is kept: nobody else writes the database."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._known: dict[str, str] = {}
        self._changes = 0

    async def get(self, agent_id: str) -> str | None:
        """The conversation's id, or None if the agent has none that is open."""
        if (known := self._known.get(agent_id)) is not None:
            return known
        changes = self._changes
        rows = await self._readers.read("current_conversation", {"agent_id": agent_id})
        if not rows:
            return None
        if changes == self._changes:
            self._known[agent_id] = rows[0][0]
        return str(rows[0][0])

    @contextmanager
    def changing(self, agent_id: str | None = None) -> Iterator[None]:
        """Around a transaction that adds, ends or removes one: it is read anew afterwards.

        Not cancellable halfway, when it is not known yet what became of it.
        """
        with anyio.CancelScope(shield=True):
            try:
                yield
            finally:
                self._changes += 1
                if agent_id is None:
                    self._known.clear()
                else:
                    self._known.pop(agent_id, None)
