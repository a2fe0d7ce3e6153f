"""What the circuit breakers knew when the service was last up."""

from __future__ import annotations

from conversation_store.records import BreakerRecord
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Writer

_BREAKERS = Rows(BreakerRecord)


class Breakers:
    """One row for each breaker that was ever anything but fresh."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def save(self, breaker: BreakerRecord) -> None:
        """Write a breaker's state in the place of its last."""

        parameters = _BREAKERS.parameters(breaker)

        def unit(transaction: Transaction) -> None:
            transaction.run("save_breaker", parameters)

        await self._writer.submit(unit, durable=False)

    async def all(self) -> list[BreakerRecord]:
        """Every breaker, by scope and name."""
        return [_BREAKERS.record(row) for row in await self._readers.read("list_breakers", {})]
