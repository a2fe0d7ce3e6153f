"""Readers whose caller, or whose store, is gone."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from anyio import to_thread

from conversation_store.errors import StoreUnusableError
from conversation_store.sqlite import connection
from conversation_store.sqlite.store import open_store

pytestmark = pytest.mark.anyio


class Slow(sqlite3.Connection):
    """Opens when it may, and is told of when it was opened and closed."""

    begun: ClassVar[threading.Event]
    may: ClassVar[threading.Event]
    opened: ClassVar[threading.Event]
    closed: ClassVar[threading.Event]

    def __init__(self, *args: Any, **options: Any) -> None:
        self.begun.set()
        assert self.may.wait(30)
        super().__init__(*args, **options)
        self.opened.set()

    def close(self) -> None:
        super().close()
        self.closed.set()


async def test_a_closed_store_opens_no_connection_again(tmp_path: Path) -> None:
    async with open_store(tmp_path / "new.db") as store:
        assert await store.approvals.pending() == 0
    readers = store.approvals._readers
    with anyio.fail_after(30), pytest.raises(StoreUnusableError) as refused:
        await store.approvals.pending()
    assert refused.value.code == "store_closed"
    assert readers._idle == []


async def test_a_caller_that_leaves_at_the_opening_leaves_no_connection_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("begun", "may", "opened", "closed"):
        monkeypatch.setattr(Slow, name, threading.Event(), raising=False)
    async with open_store(tmp_path / "new.db") as store:
        monkeypatch.setattr(connection, "PLAIN", Slow)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store.approvals.pending)
            assert await to_thread.run_sync(Slow.begun.wait, 30)
            tasks.cancel_scope.cancel()
            Slow.may.set()
        assert await to_thread.run_sync(Slow.opened.wait, 30)
    assert Slow.closed.is_set()
