"""Rows that the tests of the store begin with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from conversation_store.interfaces import Store
from conversation_store.records import AgentRecord, Move, NewEvent, NewRun, StoredEvent
from conversation_store.states import RunState

NOW = "2026-01-02T03:04:05.678Z"
LATER = "2026-01-02T03:05:06.789Z"
ALL = 2**62


def move(*targets: RunState, run: str = "run_1", now: str = NOW, form: str | None = None) -> Move:
    return Move(run_id=run, targets=targets, now=now, form=form)


def event(text: str = "x", type_: str = "notice") -> NewEvent:
    return NewEvent(type_, NOW, b'{"type":"%s","code":"%s"}' % (type_.encode(), text.encode()))


def new_run(number: int = 1, conversation: str = "conv_1", **fields: Any) -> NewRun:
    given = {
        "run_id": f"run_{number}",
        "turn_id": f"turn_{number}",
        "conversation_id": conversation,
        "conversation_is_new": True,
        "agent_id": "worker",
        "prompt": f"prompt {number}",
        "mode": "headless",
        "reason": "the agent's commMode is headless",
        "timeout_ms": 1000,
        "metadata": {},
        "queued_at": NOW,
    }
    return NewRun(**{**given, **fields})


async def add_agent(store: Store, name: str = "worker") -> AgentRecord:
    return await store.agents.add(
        name, agent_type="claude-code", comm_mode="headless", options={"cwd": "/"}, now=NOW
    )


async def add_run(store: Store, number: int = 1, conversation: str = "conv_1") -> NewRun:
    """A queued run in a conversation of its own, without events."""
    run = new_run(number, conversation)
    await store.runs.accept(run, [])
    return run


async def events_of(store: Store, conversation: str, *, after: int = 0) -> list[StoredEvent]:
    pages = store.events.of_conversation(conversation, after=after, until=ALL)
    return [found async for page in pages for found in page]


@contextmanager
def plain(path: Path) -> Iterator[sqlite3.Connection]:
    """The database itself, past the store, with foreign keys checked as the store has them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        yield connection
