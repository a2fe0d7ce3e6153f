"""Store and forward: messages for agents that poll, and who waits for the replies."""

from __future__ import annotations

from typing import Any, Literal

import anyio

from agent_runner import wire
from agent_runner.clock import Clock
from agent_runner.errors import ConflictError, GoneError
from conversation_store.interfaces import Tickets
from conversation_store.records import TicketRecord

TicketState = Literal["pending", "replied", "expired"]


class TicketService:
    """Every message and reply is in the store before anyone hears of it."""

    def __init__(self, tickets: Tickets, clock: Clock | None = None) -> None:
        self._tickets = tickets
        self._clock = clock or Clock()
        self._waiting: dict[str, set[anyio.Event]] = {}
        self._closed = False

    async def send(
        self,
        agent_id: str,
        content: str,
        metadata: dict[str, Any],
        *,
        sender: str,
        expires_ms: int,
        key: str | None,
    ) -> TicketRecord:
        """Keep a message for an agent. With a `key` that was used before, that message's ticket.

        ConflictError `idempotency_key_reused` if that message was another one.
        """
        now = self._clock.now()
        ticket = TicketRecord(
            ticket_id=wire.new_id("tick"),
            agent_id=agent_id,
            content=content,
            metadata=metadata,
            sender=sender,
            created_at=now,
            expires_at=wire.later(now, expires_ms / 1000),
        )
        kept = await self._tickets.send(ticket, key)
        if (kept.content, kept.metadata) != (content, metadata):
            raise ConflictError(
                "idempotency_key_reused",
                f"this Idempotency-Key came with another message, ticket {kept.ticket_id}",
                hint="use a new key for a new message",
            )
        return kept

    async def reply(
        self, ticket_id: str, content: str, metadata: dict[str, Any], *, by: str
    ) -> TicketRecord:
        """Give the one reply. The same again changes nothing.

        ConflictError `already_replied` for another, GoneError `ticket_expired` if it is late.
        """
        given = await self._tickets.reply(
            ticket_id, content, metadata, by=by, now=self._clock.now()
        )
        ticket = await self._tickets.get(ticket_id)
        if given:
            for waiting in self._waiting.get(ticket_id, ()):
                waiting.set()
        elif ticket.replied_at is None:
            raise GoneError("ticket_expired", f"ticket {ticket_id} expired {ticket.expires_at}")
        elif (ticket.reply, ticket.reply_metadata) != (content, metadata):
            raise ConflictError(
                "already_replied", f"ticket {ticket_id} was replied to by {ticket.replied_by}"
            )
        return ticket

    async def wait(self, ticket_id: str, seconds: float) -> TicketRecord:
        """The ticket once it has its reply or is over, or as it is after `seconds`."""
        replied = anyio.Event()
        waiting = self._waiting.setdefault(ticket_id, set())
        waiting.add(replied)
        try:
            ticket = await self._tickets.get(ticket_id)
            if self.state_of(ticket) != "pending" or self._closed:
                return ticket
            left = wire.seconds_between(self._clock.now(), ticket.expires_at)
            with anyio.move_on_after(min(seconds, left)):
                await replied.wait()
            return await self._tickets.get(ticket_id)
        finally:
            waiting.remove(replied)
            if not waiting:
                del self._waiting[ticket_id]

    async def pending(self, agent_id: str, *, after: str | None, limit: int) -> list[TicketRecord]:
        """What waits for the agent's reply, oldest first, after the ticket `after`."""
        return await self._tickets.pending(
            agent_id, now=self._clock.now(), after=after, limit=limit
        )

    def state_of(self, ticket: TicketRecord) -> TicketState:
        """Where a ticket stands now."""
        if ticket.replied_at is not None:
            return "replied"
        return "expired" if ticket.expires_at <= self._clock.now() else "pending"

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closed = True
        for waiting in self._waiting.values():
            for replied in waiting:
                replied.set()
