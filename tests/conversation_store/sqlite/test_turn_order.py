"""The order of turns is a rule of the database itself, whoever writes to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from conversation_store.sqlite.migrate import migrate
from tests.helpers.rows import NOW, plain


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with plain(tmp_path / "new.db") as opened:
        migrate(opened)
        opened.execute(
            "INSERT INTO agents (agent_id, type, comm_mode, options, created_at, updated_at) "
            "VALUES ('worker', 'custom', 'headless', '{}', ?, ?)",
            (NOW, NOW),
        )
        for name in ("a", "b"):
            opened.execute(
                "INSERT INTO conversations (conversation_id, agent_id, state, created_at,"
                " updated_at) VALUES (?, 'worker', 'open', ?, ?)",
                (name, NOW, NOW),
            )
        yield opened


def add(
    connection: sqlite3.Connection, turn: str, seq: int, previous: int | None, conversation: str
) -> None:
    connection.execute(
        "INSERT INTO turns (turn_id, conversation_id, seq, previous_seq, role, direction,"
        " content, metadata, created_at) VALUES (?, ?, ?, ?, 'user', 'inbound', '', '{}', ?)",
        (turn, conversation, seq, previous, NOW),
    )


def test_turns_in_order_are_taken(connection: sqlite3.Connection) -> None:
    for conversation in ("a", "b"):
        add(connection, f"{conversation}1", 1, None, conversation)
        add(connection, f"{conversation}2", 2, 1, conversation)
        add(connection, f"{conversation}3", 3, 2, conversation)


@pytest.mark.parametrize(
    ("seq", "previous", "conversation"),
    [
        pytest.param(4, 3, "a", id="a number left out"),
        pytest.param(4, 2, "a", id="a number left out, with the real one before"),
        pytest.param(3, None, "a", id="no word of the one before"),
        pytest.param(3, 3, "a", id="after itself"),
        pytest.param(2, 1, "a", id="a number taken"),
        pytest.param(1, None, "a", id="the first again"),
        pytest.param(0, None, "b", id="before the first"),
        pytest.param(1, 0, "b", id="a first one with one before it"),
        pytest.param(-1, -2, "b", id="below nothing"),
        pytest.param(2, 1, "b", id="after another conversation's first"),
        pytest.param(1, None, "no such", id="in no conversation"),
    ],
)
def test_the_database_refuses(
    connection: sqlite3.Connection, seq: int, previous: int | None, conversation: str
) -> None:
    add(connection, "a1", 1, None, "a")
    add(connection, "a2", 2, 1, "a")
    with pytest.raises(sqlite3.IntegrityError):
        add(connection, "new", seq, previous, conversation)
    assert connection.execute("SELECT count(*) FROM turns").fetchone() == (2,)


def test_a_turn_in_the_middle_cannot_be_taken_out(connection: sqlite3.Connection) -> None:
    for seq in (1, 2, 3):
        add(connection, f"a{seq}", seq, seq - 1 or None, "a")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM turns WHERE seq = 2")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE turns SET seq = 7, previous_seq = 6 WHERE seq = 2")


@pytest.mark.parametrize(
    ("column", "value"),
    [("role", "robot"), ("direction", "sideways"), ("content", None), ("run_id", "no such run")],
)
def test_a_turn_has_only_known_words(
    connection: sqlite3.Connection, column: str, value: str | None
) -> None:
    add(connection, "a1", 1, None, "a")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(f"UPDATE turns SET {column} = ?", (value,))
