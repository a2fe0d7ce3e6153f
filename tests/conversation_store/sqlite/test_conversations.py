"""Conversations as rows of SQLite: what goes with one, and what finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conversation_store.errors import RecordConflictError, RecordNotFoundError
from conversation_store.sqlite.store import Store, open_store
from tests.conversation_store.conformance.test_conversations import finish
from tests.helpers.rows import NOW, add_agent, add_run, event, plain

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with open_store(path) as opened:
        await add_agent(opened)
        yield opened


async def test_a_conversation_of_3000_turns_can_be_deleted(store: Store, path: Path) -> None:
    run = await add_run(store)
    await store.events.append("conv_1", [("run_1", event(str(n))) for n in range(1000)])
    await add_run(store, 2, "kept")
    with plain(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for seq in range(2, 3001):
            connection.execute(
                "INSERT INTO turns VALUES (?, 'conv_1', ?, ?, 'user', 'inbound', '', 'run_1',"
                " '{}', ?)",
                (f"t{seq}", seq, seq - 1, NOW),
            )
        connection.execute("COMMIT")
    with pytest.raises(RecordConflictError) as caught:
        await store.conversations.delete("conv_1")
    assert caught.value.code == "conversation_busy"
    await finish(store, run)
    await store.conversations.delete("conv_1")
    with plain(path) as connection:
        left = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("conversations", "runs", "turns", "events")
        }
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert left == {"conversations": 1, "runs": 1, "turns": 1, "events": 0}
    with pytest.raises(RecordNotFoundError):
        await store.conversations.delete("conv_1")


async def test_what_refers_to_a_row_that_can_be_deleted_has_an_index(tmp_path: Path) -> None:
    async with open_store(tmp_path / "new.db"):
        with plain(tmp_path / "new.db") as database:
            tables = [
                name
                for (name,) in database.execute(
                    "SELECT name FROM sqlite_schema"
                    " WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
                )
            ]
            checked = 0
            for table in tables:
                indexed = [
                    [column for _, _, column in database.execute(f"PRAGMA index_info({index})")]
                    for _, index, _, _, partial in database.execute(f"PRAGMA index_list({table})")
                    if not partial
                ]
                references: dict[int, list[str]] = {}
                for key, _, parent, column, *_ in database.execute(
                    f"PRAGMA foreign_key_list({table})"
                ):
                    if parent in ("conversations", "runs", "turns", "approvals"):
                        references.setdefault(key, []).append(column)
                for columns in references.values():
                    checked += 1
                    assert any(set(index[: len(columns)]) == set(columns) for index in indexed), (
                        f"{table} {columns}"
                    )
            assert checked > 8
