"""Conversations and their turns in the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from typing_extensions import override

from conversation_store import free_json, interfaces
from conversation_store.errors import (
    RecordConflictError,
    RecordNotFoundError,
    StoreUnusableError,
)
from conversation_store.records import (
    ConversationRecord,
    ConversationSummary,
    LastTurn,
    NewEvent,
    SearchHit,
    SearchQuery,
    StoredEvent,
    TurnAttachment,
    TurnRecord,
)
from conversation_store.sqlite.attachments import attach
from conversation_store.sqlite.events import append_events
from conversation_store.sqlite.faults import is_of_search
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.remembered import Remembered
from conversation_store.sqlite.rows import Row, Rows
from conversation_store.sqlite.search import hit, parameters
from conversation_store.sqlite.search_text import search_scope, search_text
from conversation_store.sqlite.writer import Transaction, Urgency, Writer

_LAST_ID = "~"  # sorts after every identifier
_BEGINNING = 200
"""Characters of a turn that a list shows."""

_CONVERSATIONS = Rows(ConversationRecord)
_TURNS = Rows(TurnRecord)


def append_turn(transaction: Transaction, turn: TurnRecord) -> None:
    """Add a message at the end of its conversation, with the next seq."""
    where = {"conversation_id": turn.conversation_id, "now": turn.created_at}
    ((seq, agent_id),) = transaction.run("reserve_turn_seq", where)
    numbers = {"seq": seq, "previous_seq": seq - 1 or None}
    transaction.run("insert_turn", {**_TURNS.parameters(turn), **numbers})
    searched = {
        "turn_id": turn.turn_id,
        "scope": search_scope(agent_id, turn.conversation_id),
        "content": search_text(turn.content),
        "created_at": turn.created_at,
    }
    with _without_index():
        transaction.run("insert_searched_turn", searched)
    attach(transaction, turn.turn_id, turn.attachments, now=turn.created_at)


def change_turn(transaction: Transaction, turn_id: str, content: str) -> None:
    """Give a message another text."""
    transaction.run("change_turn", {"turn_id": turn_id, "content": content})
    with _without_index():
        searched = {"turn_id": turn_id, "content": search_text(content)}
        transaction.run("change_searched_turn", searched)


@contextmanager
def _without_index() -> Iterator[None]:
    """A damaged index keeps nobody from talking: what is not in it is found by a check."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if not is_of_search(error):
            raise


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
            raise _not_found(conversation_id)
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
    async def create(
        self, conversation: ConversationRecord, turns: Sequence[TurnRecord] = ()
    ) -> None:
        def unit(transaction: Transaction) -> None:
            parameters = _CONVERSATIONS.parameters(conversation)
            if not transaction.run("create_conversation", parameters):
                raise RecordNotFoundError(
                    "agent_not_found", f"no agent is named {conversation.agent_id!r}"
                )
            for turn in turns:
                append_turn(transaction, turn)

        with self._current.changing(conversation.agent_id):
            await self._writer.submit(unit, durable=True)

    @override
    async def change(
        self,
        conversation_id: str,
        *,
        title: str | None,
        archived: bool,
        metadata: dict[str, Any],
        now: str,
    ) -> ConversationRecord:
        def unit(transaction: Transaction) -> ConversationRecord:
            rows = transaction.run(
                "change_conversation",
                {
                    "conversation_id": conversation_id,
                    "title": title,
                    "archived": archived,
                    "metadata": free_json.encode(metadata),
                },
            )
            if not rows:
                raise _not_found(conversation_id)
            return _CONVERSATIONS.record(rows[0])

        return await self._writer.submit(unit, durable=True)

    @override
    async def summaries(
        self, *, agent_id: str | None, archived: bool | None, before: str | None, limit: int
    ) -> list[ConversationSummary]:
        rows = await self._readers.read(
            "list_conversations" if agent_id is None else "list_conversations_of_agent",
            {
                "agent_id": agent_id,
                "archived": archived,
                "before": before or _LAST_ID,
                "limit": limit,
            },
        )
        return [await self._summary(row) for row in rows]

    async def _summary(self, row: Row) -> ConversationSummary:
        conversation = _CONVERSATIONS.record(row[:-1])
        last = await self._readers.read(
            "last_turn",
            {
                "conversation_id": conversation.conversation_id,
                "seq": conversation.last_turn_seq,
                "length": _BEGINNING,
            },
        )
        turn = None
        if last:
            turn_id, role, beginning, time = last[0]
            turn = LastTurn(turn_id=turn_id, role=role, beginning=beginning, created_at=time)
        fields = msgspec.structs.asdict(conversation)
        return ConversationSummary(**fields, last_turn=turn, run_count=row[-1])

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
                raise _not_found(conversation_id)
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
        return await self._whole(rows)

    @override
    async def turns_before(
        self, conversation_id: str, *, before: int, limit: int
    ) -> list[TurnRecord]:
        rows = await self._readers.read(
            "list_turns_before",
            {"conversation_id": conversation_id, "before": before, "limit": limit},
        )
        return await self._whole(rows[::-1])

    @override
    async def search(self, query: SearchQuery) -> list[SearchHit]:
        try:
            rows = await self._readers.read("search_turns", parameters(query))
        except sqlite3.DatabaseError as error:
            if not is_of_search(error):
                raise
            raise StoreUnusableError(
                "search_index_damaged",
                "the full-text index is damaged: `agent-runner db repair` builds it anew",
            ) from error
        return [hit(row) for row in rows]

    async def _whole(self, rows: Sequence[Row]) -> list[TurnRecord]:
        """The turns of one conversation, in order, with their attachments."""
        turns = [_TURNS.record(row) for row in rows]
        if not turns:
            return turns
        found = await self._readers.read(
            "attachments_of_turns",
            {
                "conversation_id": turns[0].conversation_id,
                "first": turns[0].seq,
                "last": turns[-1].seq,
            },
        )
        return _with_attachments(turns, found)

    @override
    async def turn(self, turn_id: str) -> TurnRecord:
        rows = await self._readers.read("get_turn", {"turn_id": turn_id})
        if not rows:
            raise RecordNotFoundError("turn_not_found", f"no turn is {turn_id!r}")
        (turn,) = await self._whole(rows)
        return turn

    @override
    async def turns_of_run(self, run_id: str) -> list[TurnRecord]:
        return await self._whole(await self._readers.read("turns_of_run", {"run_id": run_id}))


def _not_found(conversation_id: str) -> RecordNotFoundError:
    return RecordNotFoundError("conversation_not_found", f"no conversation is {conversation_id!r}")


def _with_attachments(turns: list[TurnRecord], found: Sequence[Row]) -> list[TurnRecord]:
    files: dict[str, list[TurnAttachment]] = {}
    for turn_id, attachment_id, name, media_type, size in found:
        attachment = TurnAttachment(
            attachment_id=attachment_id, name=name, media_type=media_type, size=size
        )
        files.setdefault(turn_id, []).append(attachment)
    return [
        msgspec.structs.replace(turn, attachments=files[turn.turn_id])
        if turn.turn_id in files
        else turn
        for turn in turns
    ]
