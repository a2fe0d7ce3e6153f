"""Everything that waits, all at once: for when the clock is not what it was."""

from __future__ import annotations

from typing_extensions import override

from conversation_store import interfaces
from conversation_store.sqlite.writer import Transaction, Urgency, Writer


class Deadlines(interfaces.Deadlines):
    """`interfaces.Deadlines` in SQLite."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @override
    async def move(self, seconds: float, *, now: str) -> int:
        parameters = {
            "by": f"{seconds:+.3f} seconds",
            "by_ms": round(seconds * 1000),
            "now": now,
        }

        def unit(transaction: Transaction) -> int:
            moves = ("move_approvals", "move_tickets", "move_toggles")
            return sum(len(transaction.run(name, parameters)) for name in moves)

        return await self._writer.submit(unit, durable=True, urgency=Urgency.RELIEF)

    @override
    async def bound(self, *, latest: str) -> int:
        return await self._writer.submit(
            lambda transaction: len(transaction.run("bound_approvals", {"latest": latest})),
            durable=True,
            urgency=Urgency.RELIEF,
        )
