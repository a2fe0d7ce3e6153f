"""The processes that do work for runs, written down before they begin."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from conversation_store import interfaces
from conversation_store.records import NewEvent, ProcessRecord
from conversation_store.sqlite.events import append_events
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Urgency, Writer

_PROCESSES = Rows(ProcessRecord)


def insert_process(transaction: Transaction, process: ProcessRecord) -> None:
    """Write a process down, in the transaction that lets its run start."""
    transaction.run("insert_process", _PROCESSES.parameters(process))


class Processes(interfaces.Processes):
    """`interfaces.Processes` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @override
    async def add(self, process: ProcessRecord) -> None:
        await self._writer.submit(
            lambda t: insert_process(t, process), durable=False, urgency=Urgency.END
        )

    @override
    async def note_background(self, process_id: str, background: str) -> None:
        parameters = {"process_id": process_id, "background": background}

        def unit(transaction: Transaction) -> None:
            transaction.run("note_background", parameters)

        await self._writer.submit(unit, durable=False, urgency=Urgency.END)

    @override
    async def forget(self, process_id: str) -> None:
        await self._writer.submit(
            lambda t: _delete(t, process_id), durable=False, urgency=Urgency.END
        )

    @override
    async def lose(self, process: ProcessRecord, events: Sequence[NewEvent]) -> None:
        def unit(transaction: Transaction) -> None:
            _delete(transaction, process.process_id)
            if transaction.run("get_conversation", {"conversation_id": process.conversation_id}):
                append_events(transaction, process.conversation_id, None, events)

        await self._writer.submit(unit, durable=False, urgency=Urgency.END)

    @override
    async def all(self) -> list[ProcessRecord]:
        return [_PROCESSES.record(row) for row in await self._readers.read("list_processes", {})]


def _delete(transaction: Transaction, process_id: str) -> None:
    transaction.run("delete_process", {"process_id": process_id})
