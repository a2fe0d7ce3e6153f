"""A toggle goes when its time is over, whatever the database does."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from agent_runner.bus.observers import Observers
from agent_runner.events.toggle import ToggleExpired
from agent_runner.routing import toggles as module
from agent_runner.routing.toggles import Toggles
from conversation_store.health import Fault
from conversation_store.records import Cause
from conversation_store.sqlite.store import open_store
from conversation_store.states import StoreState
from fallback.precedence import Scope

pytestmark = pytest.mark.anyio


async def test_one_expires_on_a_full_disk_and_is_cleared_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.02)
    key = (Scope.TYPE, "claude-code")
    async with open_store(tmp_path / "new.db") as store:
        observers, cleared = Observers(), anyio.Event()
        toggles = Toggles(store, observers)
        cause = Cause(by="ann", via="cli", reason="a bad release")
        await toggles.set(key, "tmux", cause, expires_ms=50)
        observers.observe_announced(lambda _: cleared.set(), ToggleExpired)
        store.health.set(Fault(StoreState.FULL, "database or disk is full"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(toggles.keep_time)
            with anyio.fail_after(20):
                while toggles.get(key) is not None:
                    await anyio.sleep(0.005)
                await anyio.sleep(0.1)
                assert not cleared.is_set()
                assert len(await store.toggles.all()) == 1
                store.health.set(None)
                await cleared.wait()
            tasks.cancel_scope.cancel()
        assert await store.toggles.all() == []
