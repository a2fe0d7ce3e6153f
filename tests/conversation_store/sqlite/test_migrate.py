"""The schema: grown step by step, snapshotted, refused when it is not ours to touch."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conversation_store.errors import StoreUnusableError
from conversation_store.sqlite import migrate as module
from conversation_store.sqlite.migrate import migrate, migrations
from conversation_store.sqlite.store import open_store
from conversation_store.states import TERMINAL, RunState
from tests.conversation_store.sqlite.snapshot import FILE, normal, statements
from tests.helpers.rows import add_agent, plain


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with plain(tmp_path / "new.db") as opened:
        yield opened


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_numbers_follow_each_other() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_one_by_one_they_equal_the_snapshot(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = migrations()
    for number, _ in every:
        monkeypatch.setattr(module, "migrations", lambda upto=number: every[:upto])
        assert migrate(connection) == number
        assert version(connection) == number
    grown = statements(connection)
    with closing(sqlite3.connect(":memory:")) as snapshot:
        snapshot.executescript(FILE.read_text("utf-8"))
        assert normal(grown) == normal(statements(snapshot)), (
            "the snapshot is old: python -m tests.conversation_store.sqlite.snapshot"
        )


def test_migrating_again_changes_nothing(connection: sqlite3.Connection) -> None:
    newest = migrate(connection)
    dump = list(connection.iterdump())
    assert migrate(connection) == newest
    assert list(connection.iterdump()) == dump


def test_every_state_is_a_row(connection: sqlite3.Connection) -> None:
    migrate(connection)
    rows = dict(connection.execute("SELECT name, terminal FROM run_states"))
    assert rows == {state.value: int(state in TERMINAL) for state in RunState}


def test_a_migration_that_breaks_off_leaves_the_old_schema(
    connection: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = migrate(connection)
    before = list(connection.iterdump())
    broken = "CREATE TABLE half (x); INSERT INTO half VALUES (1); SELECT no_such_function();"
    monkeypatch.setattr(module, "migrations", lambda: [(newest + 1, broken)])
    with (
        closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as other,
        pytest.raises(sqlite3.OperationalError, match="no_such_function"),
    ):
        migrate(other)
    assert version(connection) == newest
    assert list(connection.iterdump()) == before


async def refusal(path: Path) -> str:
    with pytest.raises(StoreUnusableError) as caught:
        async with open_store(path):
            raise AssertionError("it opened")
    return caught.value.code


@pytest.mark.anyio
@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_a_newer_schema_is_refused_and_untouched(tmp_path: Path, journal: str) -> None:
    path = tmp_path / "newer.db"
    async with open_store(path) as store:
        await add_agent(store)
    with plain(path) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute(f"PRAGMA user_version={len(migrations()) + 1}")
    before = path.read_bytes()
    assert await refusal(path) == "newer_schema"
    assert path.read_bytes() == before


@pytest.mark.anyio
@pytest.mark.parametrize(
    "content",
    [b"not a database at all\n" * 400, b"SQLite format 3\0" + b"\xff" * 4080],
    ids=["garbage", "garbage behind a good header"],
)
async def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.db"
    path.write_bytes(content)
    assert await refusal(path) == "database_corrupt"
    assert path.read_bytes() == content


@pytest.mark.anyio
async def test_a_database_cut_short_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cut.db"
    async with open_store(path) as store:
        await add_agent(store)
    path.write_bytes(path.read_bytes()[:5000])
    before = path.read_bytes()
    assert await refusal(path) == "database_corrupt"
    assert path.read_bytes() == before


@pytest.mark.anyio
async def test_a_new_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    async with open_store(path) as store:
        await add_agent(store)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("new.db", "new.db-wal", "new.db-shm"), 0o600)
