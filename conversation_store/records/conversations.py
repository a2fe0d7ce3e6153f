"""Conversations and their turns."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from conversation_store.records.attachments import TurnAttachment
from conversation_store.records.base import NOT_STORED, Record


class ConversationRecord(Record, frozen=True, kw_only=True):
    """An agent's chat; `session_id` is the CLI's own, for resume, known since `session_at`.

    `session_mark` is how far that session's file is known (JSON). `title` is the beginning of the
    first prompt until somebody gives another. One that was forked has the turns of the
    conversation `forked_from` up to `forked_seq` before it; its CLI's session begins as a copy of
    `fork_session`, up to the CLI's own `fork_message` if that is not its end.
    """

    conversation_id: str
    agent_id: str
    state: str
    session_id: str | None
    last_event_seq: int
    last_turn_seq: int
    created_at: str
    updated_at: str
    session_at: str | None
    session_mark: str | None = None
    title: str | None = None
    archived: bool = False
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    forked_from: str | None = None
    forked_seq: int | None = None
    fork_session: str | None = None
    fork_message: str | None = None


class LastTurn(Record, frozen=True, kw_only=True):
    """The beginning of a conversation's newest turn."""

    turn_id: str
    role: str
    beginning: str
    created_at: str


class ConversationSummary(ConversationRecord, frozen=True, kw_only=True):
    """What a list shows of a conversation."""

    last_turn: LastTurn | None
    run_count: int


class TurnRecord(Record, frozen=True, kw_only=True):
    """One message. `direction` is inbound (to the agent) or outbound; the store gives the seq."""

    turn_id: str
    conversation_id: str
    seq: int = 0
    role: str
    direction: str
    content: str
    run_id: str | None
    metadata: dict[str, Any]
    created_at: str
    attachments: Annotated[list[TurnAttachment], NOT_STORED] = msgspec.field(default_factory=list)


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for in turns: all of `phrases`, of which the last one may go on if `open_end`.

    Times are RFC 3339 UTC; `before` is the `position` of the last hit of the page before.
    """

    phrases: list[str]
    without: list[str] = []
    open_end: bool = False
    agent_id: str | None = None
    conversation_id: str | None = None
    since: str | None = None
    until: str | None = None
    before: int | None = None
    limit: int = 20


class Piece(Record, frozen=True, kw_only=True):
    """A part of a text; `hit` is what was looked for."""

    text: str
    hit: bool = False


class SearchHit(Record, frozen=True, kw_only=True):
    """A turn in which it was found, newest first; `position` orders all of them."""

    turn_id: str
    conversation_id: str
    agent_id: str
    title: str | None
    archived: bool
    role: str
    seq: int
    created_at: str
    snippet: list[Piece]
    position: int
