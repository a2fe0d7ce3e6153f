"""Everything that waits, all at once: for when the clock is not what it was."""

from __future__ import annotations

from conversation_store.sqlite.writer import Transaction, Urgency, Writer


class Deadlines:
    """The ends of approvals, tickets and toggles that are not over yet."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def move(self, seconds: float, *, now: str) -> int:
        """Move every end that is after `now` by so many seconds; how many there were."""
        parameters = {
            "by": f"{seconds:+.3f} seconds",
            "by_ms": round(seconds * 1000),
            "now": now,
        }

        def unit(transaction: Transaction) -> int:
            moves = ("move_approvals", "move_tickets", "move_toggles")
            return sum(len(transaction.run(name, parameters)) for name in moves)

        return await self._writer.submit(unit, durable=True, urgency=Urgency.RELIEF)

    async def bound(self, *, latest: str) -> int:
        """Let no approval wait for longer than until `latest`; how many would have."""
        return await self._writer.submit(
            lambda transaction: len(transaction.run("bound_approvals", {"latest": latest})),
            durable=True,
            urgency=Urgency.RELIEF,
        )
