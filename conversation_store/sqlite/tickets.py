"""Messages for agents that poll: each waits for its one reply, or until its time is over."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from conversation_store import free_json, interfaces
from conversation_store.errors import RecordNotFoundError
from conversation_store.records import TicketRecord
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Urgency, Writer

_TICKETS = Rows(TicketRecord, free_json.encode_ascii)


class Tickets(interfaces.Tickets):
    """`interfaces.Tickets` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @override
    async def send(self, ticket: TicketRecord, key: str | None) -> TicketRecord:
        parameters = {**_TICKETS.parameters(ticket), "idempotency_key": key}

        def unit(transaction: Transaction) -> TicketRecord:
            if transaction.run("insert_ticket", parameters):
                return ticket
            (row,) = transaction.run("ticket_by_key", parameters)
            return _TICKETS.record(row)

        return await self._writer.submit(unit, durable=True)

    @override
    async def reply(
        self, ticket_id: str, reply: str, metadata: dict[str, Any], *, by: str, now: str
    ) -> bool:
        parameters = {
            "ticket_id": ticket_id,
            "reply": reply,
            "metadata": free_json.encode_ascii(metadata),
            "replied_by": by,
            "now": now,
        }
        return await self._writer.submit(
            lambda transaction: bool(transaction.run("reply_to_ticket", parameters)), durable=True
        )

    @override
    async def delete_old(self, *, before: str, limit: int) -> int:
        def unit(transaction: Transaction) -> int:
            return len(transaction.run("delete_old_tickets", {"before": before, "limit": limit}))

        return await self._writer.submit(unit, durable=False, urgency=Urgency.RELIEF)

    @override
    async def get(self, ticket_id: str) -> TicketRecord:
        rows = await self._readers.read("get_ticket", {"ticket_id": ticket_id})
        if not rows:
            raise RecordNotFoundError("ticket_not_found", f"no ticket is {ticket_id!r}")
        return _TICKETS.record(rows[0])

    @override
    async def pending(
        self, agent_id: str, *, now: str, after: str | None, limit: int
    ) -> list[TicketRecord]:
        parameters = {"agent_id": agent_id, "now": now, "after": after, "limit": limit}
        return [
            _TICKETS.record(row) for row in await self._readers.read("pending_tickets", parameters)
        ]
