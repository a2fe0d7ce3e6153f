"""Conversations and their turns in the store."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from conversation_store import interfaces
from conversation_store.errors import RecordConflictError, RecordNotFoundError
from conversation_store.records import ConversationRecord, NewEvent, StoredEvent, TurnRecord
from conversation_store.sqlite.events import append_events
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.remembered import Remembered
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Urgency, Writer

_LAST_ID = "~"  # sorts after every identifier


_CONVERSATIONS = Rows(ConversationRecord)
_TURNS = Rows(TurnRecord)


def append_turn(transaction: Transaction, turn: TurnRecord) -> None:
    """Add a message at the end of its conversation, with the next seq."""
    where = {"conversation_id": turn.conversation_id, "now": turn.created_at}
    ((seq,),) = transaction.run("reserve_turn_seq", where)
    numbers = {"seq": seq, "previous_seq": seq - 1 or None}
    transaction.run("insert_turn", {**_TURNS.parameters(turn), **numbers})


def current_conversations(readers: Readers) -> Remembered[str]:
    """The id of each agent's newest open conversation."""

    async def read(agent_id: str) -> str | None:
        rows = await readers.read("current_conversation", {"agent_id": agent_id})
        return str(rows[0][0]) if rows else None

    return Remembered(read)


class Conversations(interfaces.Conversations):
    """`interfaces.Conversations` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers, current: Remembered[str]) -> None:
        self._writer = writer
        self._readers = readers
        self._current = current

    @override
    async def get(self, conversation_id: str) -> ConversationRecord:
        rows = await self._readers.read("get_conversation", {"conversation_id": conversation_id})
        if not rows:
            raise RecordNotFoundError(
                "conversation_not_found", f"no conversation is {conversation_id!r}"
            )
        return _CONVERSATIONS.record(rows[0])

    @override
    async def current(self, agent_id: str) -> ConversationRecord | None:
        conversation_id = await self._current.get(agent_id)
        if conversation_id is None:
            return None
        rows = await self._readers.read("get_conversation", {"conversation_id": conversation_id})
        return _CONVERSATIONS.record(rows[0]) if rows else None

    @override
    async def current_id(self, agent_id: str) -> str | None:
        return await self._current.get(agent_id)

    @override
    async def of_agent(
        self, agent_id: str, *, before: str | None, limit: int
    ) -> list[ConversationRecord]:
        rows = await self._readers.read(
            "list_conversations",
            {"agent_id": agent_id, "before": before or _LAST_ID, "limit": limit},
        )
        return [_CONVERSATIONS.record(row) for row in rows]

    @override
    async def end(self, conversation_id: str, *, now: str) -> bool:
        def unit(transaction: Transaction) -> bool:
            parameters = {"conversation_id": conversation_id, "now": now}
            return bool(transaction.run("end_conversation", parameters))

        with self._current.changing():
            return await self._writer.submit(unit, durable=True, urgency=Urgency.RELIEF)

    @override
    async def delete(self, conversation_id: str) -> None:
        def unit(transaction: Transaction) -> None:
            parameters = {"conversation_id": conversation_id}
            if not transaction.run("get_conversation", parameters):
                raise RecordNotFoundError(
                    "conversation_not_found", f"no conversation is {conversation_id!r}"
                )
            if not transaction.run("delete_conversation", parameters):
                raise RecordConflictError(
                    "conversation_busy", "a run of this conversation is not over yet"
                )

        with self._current.changing():
            await self._writer.submit(unit, durable=True, urgency=Urgency.RELIEF)

    @override
    async def set_session(self, conversation_id: str, session_id: str | None, *, now: str) -> None:
        def unit(transaction: Transaction) -> None:
            transaction.run(
                "set_session",
                {"conversation_id": conversation_id, "session_id": session_id, "now": now},
            )

        await self._writer.submit(unit, durable=False, urgency=Urgency.END)

    @override
    async def mark_session(self, conversation_id: str, mark: str) -> None:
        def unit(transaction: Transaction) -> None:
            transaction.run("mark_session", {"conversation_id": conversation_id, "mark": mark})

        await self._writer.submit(unit, durable=False, urgency=Urgency.END)

    @override
    async def add_from_session(
        self, conversation_id: str, turns: Sequence[TurnRecord], mark: str, event: NewEvent
    ) -> list[StoredEvent]:
        def unit(transaction: Transaction) -> list[StoredEvent]:
            for turn in turns:
                append_turn(transaction, turn)
            transaction.run("mark_session", {"conversation_id": conversation_id, "mark": mark})
            return append_events(transaction, conversation_id, None, [event])

        return await self._writer.submit(unit, durable=True, urgency=Urgency.END)

    @override
    async def turns(self, conversation_id: str, *, after: int, limit: int) -> list[TurnRecord]:
        rows = await self._readers.read(
            "list_turns", {"conversation_id": conversation_id, "after": after, "limit": limit}
        )
        return [_TURNS.record(row) for row in rows]

    @override
    async def turn(self, turn_id: str) -> TurnRecord:
        rows = await self._readers.read("get_turn", {"turn_id": turn_id})
        if not rows:
            raise RecordNotFoundError("turn_not_found", f"no turn is {turn_id!r}")
        return _TURNS.record(rows[0])

    @override
    async def turns_of_run(self, run_id: str) -> list[TurnRecord]:
        return [
            _TURNS.record(row)
            for row in await self._readers.read("turns_of_run", {"run_id": run_id})
        ]
