"""The full-text index of turns: what is asked of it, and what it answers."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Any

from conversation_store.records import Piece, SearchHit, SearchQuery
from conversation_store.sqlite.rows import Row
from conversation_store.sqlite.search_text import scope_word, search_scope, search_text, shown
from conversation_store.sqlite.statements import statements

_BEGIN, _END = "\x02", "\x03"
_NEWEST = 2**62
_EARLIEST, _LATEST = "", "~"
_CLOCK_SLACK = timedelta(days=1)
_PAGE = 500
_LEAST_OPEN = 3


def parameters(query: SearchQuery) -> dict[str, Any]:
    """Those of the statement `search_turns`."""
    return {
        "match": match(query),
        "before": _NEWEST if query.before is None else query.before,
        "since": query.since or _EARLIEST,
        "since_about": _earlier(query.since),
        "until": query.until or _LATEST,
        "none": _NEWEST if query.since else 0,
        "limit": query.limit,
    }


def match(query: SearchQuery) -> str:
    """The query in the index's own language; every word of it is quoted.

    A last word of a few letters is looked for as it is: too much begins with it.
    """
    wanted = [_phrase(phrase) for phrase in query.phrases]
    if query.open_end and len(query.phrases[-1]) >= _LEAST_OPEN:
        wanted[-1] += " *"
    content = " AND ".join(f"content : {phrase}" for phrase in wanted)
    scope = [name for name in (query.agent_id, query.conversation_id) if name is not None]
    words = [content, *(f"scope : {_quoted(scope_word(name))}" for name in scope)]
    found = " AND ".join(words)
    for phrase in query.without:
        found = f"({found}) NOT content : {_phrase(phrase)}"
    return found


def hit(row: Row) -> SearchHit:
    """A row of `search_turns`."""
    position, snippet, turn, conversation, agent, title, archived, role, seq, time = row
    return SearchHit(
        turn_id=turn,
        conversation_id=conversation,
        agent_id=agent,
        title=title,
        archived=bool(archived),
        role=role,
        seq=seq,
        created_at=time,
        snippet=_pieces(snippet),
        position=position,
    )


def complete(connection: sqlite3.Connection) -> int:
    """Index the turns that are not; how many there were. In the present transaction."""
    count = 0
    while rows := connection.execute(statements()["unsearched_turns"], {"limit": _PAGE}).fetchall():
        connection.executemany(
            statements()["insert_searched_turn"],
            [
                {
                    "turn_id": turn,
                    "scope": search_scope(agent, conversation),
                    "content": search_text(content),
                    "created_at": time,
                }
                for turn, agent, conversation, content, time in rows
            ],
        )
        count += len(rows)
    return count


def is_sound(connection: sqlite3.Connection) -> bool:
    """True if the index holds what the texts do; it is compared word by word."""
    try:
        connection.execute(statements()["check_search_index"])
    except sqlite3.DatabaseError:
        return False
    return True


def _earlier(since: str | None) -> str:
    """A time that no turn since `since` can have come before, though the clock was set."""
    if since is None:
        return _EARLIEST
    return (datetime.fromisoformat(since) - _CLOCK_SLACK).isoformat()[:19]


def _phrase(text: str) -> str:
    return _quoted(search_text(text))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _pieces(snippet: str) -> list[Piece]:
    pieces: list[Piece] = []
    for part in snippet.split(_BEGIN):
        marked, end, rest = part.partition(_END)
        if not end:
            marked, rest = "", part
        pieces += [Piece(text=shown(marked), hit=True)] if marked else []
        pieces += [Piece(text=shown(rest))] if rest else []
    return pieces
