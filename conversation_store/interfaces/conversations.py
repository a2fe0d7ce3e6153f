"""What a store does for conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from conversation_store.records import (
    ConversationRecord,
    ConversationSummary,
    NewEvent,
    SearchHit,
    SearchQuery,
    StoredEvent,
    TurnRecord,
)


class Conversations(Protocol):
    """Agents' chats."""

    async def get(self, conversation_id: str) -> ConversationRecord:
        """One conversation; RecordNotFoundError if there is none."""
        ...

    async def current(self, agent_id: str) -> ConversationRecord | None:
        """The agent's newest open conversation."""
        ...

    async def current_id(self, agent_id: str) -> str | None:
        """Its id alone, which is known without asking the database most of the time."""
        ...

    async def create(
        self, conversation: ConversationRecord, turns: Sequence[TurnRecord] = ()
    ) -> None:
        """Add an open conversation that begins with `turns`; RecordNotFoundError without its agent.

        Their seqs are the store's to give.
        """
        ...

    async def change(
        self,
        conversation_id: str,
        *,
        title: str | None,
        archived: bool,
        metadata: dict[str, Any],
        now: str,
    ) -> ConversationRecord:
        """Replace what people say of a conversation; RecordNotFoundError if there is none."""
        ...

    async def summaries(
        self, *, agent_id: str | None, archived: bool | None, before: str | None, limit: int
    ) -> list[ConversationSummary]:
        """Conversations, of all agents or one, newest first, older than the id `before`."""
        ...

    async def end(self, conversation_id: str, *, now: str) -> bool:
        """Close a conversation to new prompts; False if it was closed already."""
        ...

    async def delete(self, conversation_id: str) -> None:
        """Remove a conversation and all in it; RecordConflictError while a run is open."""
        ...

    async def set_session(self, conversation_id: str, session_id: str | None, *, now: str) -> None:
        """Keep the CLI's own session id for resume, known since now; None forgets it."""
        ...

    async def mark_session(self, conversation_id: str, mark: str) -> None:
        """Keep how far the file of the CLI's session is known, in the caller's own words."""
        ...

    async def add_from_session(
        self, conversation_id: str, turns: Sequence[TurnRecord], mark: str, event: NewEvent
    ) -> list[StoredEvent]:
        """Add what was said in the CLI's session by another hand, and tell of it by `event`.

        The seqs of `turns` are the store's to give. One transaction with the mark behind them.
        """
        ...

    async def turns(self, conversation_id: str, *, after: int, limit: int) -> list[TurnRecord]:
        """Messages in order, those with a seq above `after`."""
        ...

    async def turns_before(
        self, conversation_id: str, *, before: int, limit: int
    ) -> list[TurnRecord]:
        """The last messages with a seq below `before`, in order."""
        ...

    async def search(self, query: SearchQuery) -> list[SearchHit]:
        """Turns that hold what is looked for, newest first."""
        ...

    async def turn(self, turn_id: str) -> TurnRecord:
        """One message; RecordNotFoundError if there is none."""
        ...

    async def turns_of_run(self, run_id: str) -> list[TurnRecord]:
        """The messages a run took in and gave out."""
        ...
