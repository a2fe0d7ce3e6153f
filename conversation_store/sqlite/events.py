"""The event log: gapless per conversation, numbered by the writer."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence

from typing_extensions import override

from conversation_store import interfaces
from conversation_store.interfaces.events import PAGE_BYTES, PAGE_ROWS
from conversation_store.records import NewEvent, StoredEvent
from conversation_store.sqlite.moves import make_moves
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.writer import Row, Transaction, Urgency, Writer

LARGE_PAYLOAD = 1 << 18


def _key(event: StoredEvent) -> Row:
    return (event.conversation_id, event.seq, event.run_id, event.type, event.time)


def _event(row: Row) -> StoredEvent:
    return StoredEvent(*row)


def append_events(
    transaction: Transaction, conversation_id: str, run_id: str | None, events: Sequence[NewEvent]
) -> list[StoredEvent]:
    """Number and insert `events`; returns them as stored."""
    rows = transaction.run(
        "reserve_event_seqs", {"conversation_id": conversation_id, "count": len(events)}
    )
    first = int(rows[0][0]) - len(events) + 1
    stored = [
        StoredEvent(conversation_id, first + index, run_id, event.type, event.time, event.payload)
        for index, event in enumerate(events)
    ]
    small = [event for event in stored if len(event.payload) <= LARGE_PAYLOAD]
    transaction.run_many("insert_event", [(*_key(e), e.payload, len(e.payload)) for e in small])
    if len(small) < len(stored):
        for event in stored:
            if len(event.payload) > LARGE_PAYLOAD:
                transaction.run_large(
                    "insert_large_event",
                    {
                        "conversation_id": conversation_id,
                        "seq": event.seq,
                        "run_id": run_id,
                        "type": event.type,
                        "time": event.time,
                        "size": len(event.payload),
                    },
                    ("events", "payload"),
                    event.payload,
                )
    return stored


def append_batch(
    transaction: Transaction, conversation_id: str, batch: Sequence[tuple[str | None, NewEvent]]
) -> list[StoredEvent]:
    """Append events, each with its run, in order."""
    stored: list[StoredEvent] = []
    for run_id, group in itertools.groupby(batch, key=lambda item: item[0]):
        events = [event for _, event in group]
        stored += append_events(transaction, conversation_id, run_id, events)
    return stored


class Events(interfaces.Events):
    """`interfaces.Events` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @override
    async def append(
        self, conversation_id: str, batch: Sequence[tuple[str | None, NewEvent]]
    ) -> list[StoredEvent]:
        moves = any(event.move is not None for _, event in batch)

        def unit(transaction: Transaction) -> list[StoredEvent]:
            make_moves(transaction, batch)
            return append_batch(transaction, conversation_id, batch)

        urgency = Urgency.END if moves else Urgency.PATIENT
        return await self._writer.submit(unit, durable=moves, urgency=urgency)

    @override
    async def pieces(self, conversation_id: str, seq: int, *, start: int) -> AsyncIterator[bytes]:
        key = {"conversation_id": conversation_id, "seq": seq}
        for at in itertools.count(start, PAGE_BYTES):
            piece = await self._readers.read_blob(
                "event_rowid", key, ("events", "payload"), slice(at, at + PAGE_BYTES)
            )
            if not piece:
                return
            yield piece

    @override
    def of_conversation(
        self, conversation_id: str, *, after: int, until: int
    ) -> AsyncIterator[list[StoredEvent]]:
        return self._pages("events_after", "conversation_id", conversation_id, after, until)

    @override
    def of_run(self, run_id: str, *, after: int, until: int) -> AsyncIterator[list[StoredEvent]]:
        return self._pages("run_events_after", "run_id", run_id, after, until)

    async def _pages(
        self, statement: str, key: str, value: str, after: int, until: int
    ) -> AsyncIterator[list[StoredEvent]]:
        sizes_statement = statement.replace("events", "event_sizes")
        while after < until:
            sizes = await self._readers.read(
                sizes_statement, {key: value, "after": after, "until": until, "limit": PAGE_ROWS}
            )
            if not sizes:
                return
            rows, total = 0, 0
            for _, size in sizes:
                if rows and total + size > PAGE_BYTES:
                    break
                rows, total = rows + 1, total + size
            page = await self._readers.read(
                statement, {key: value, "after": after, "until": until, "limit": rows}
            )
            yield [_event(row) for row in page]
            after = sizes[rows - 1][0]
