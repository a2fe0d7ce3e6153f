"""What a store does for tickets."""

from __future__ import annotations

from typing import Any, Protocol

from conversation_store.records import TicketRecord


class Tickets(Protocol):
    """Both moves, the sending and the reply, are committed before they are acknowledged."""

    async def send(self, ticket: TicketRecord, key: str | None) -> TicketRecord:
        """Keep a message; the one that came first with this key, if there is one."""
        ...

    async def reply(
        self, ticket_id: str, reply: str, metadata: dict[str, Any], *, by: str, now: str
    ) -> bool:
        """Give the one reply; False if there is one, no such ticket, or its time is over."""
        ...

    async def delete_old(self, *, before: str, limit: int) -> int:
        """Remove up to `limit` tickets that were replied to, or over, earlier; how many it were."""
        ...

    async def get(self, ticket_id: str) -> TicketRecord:
        """One ticket; RecordNotFoundError if there is none."""
        ...

    async def pending(
        self, agent_id: str, *, now: str, after: str | None, limit: int
    ) -> list[TicketRecord]:
        """What waits for the agent's reply, oldest first, after the ticket `after`."""
        ...
