"""What the circuit breakers knew when the service was last up."""

from __future__ import annotations

from typing_extensions import override

from conversation_store import interfaces
from conversation_store.records import CircuitRecord
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Writer

_CIRCUITS = Rows(CircuitRecord)


class Circuits(interfaces.Circuits):
    """`interfaces.Breakers` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @override
    async def save(self, circuit: CircuitRecord) -> None:

        parameters = _CIRCUITS.parameters(circuit)

        def unit(transaction: Transaction) -> None:
            transaction.run("save_breaker", parameters)

        await self._writer.submit(unit, durable=False)

    @override
    async def all(self) -> list[CircuitRecord]:
        return [_CIRCUITS.record(row) for row in await self._readers.read("list_breakers", {})]
