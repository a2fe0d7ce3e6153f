"""What a service answers for is on the disk first: those commits wait for it, the others do not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conversation_store.records import RunOutcome
from conversation_store.sqlite.store import open_store
from conversation_store.states import RunState
from tests.helpers.commits import FULL, NORMAL, watch_commits
from tests.helpers.rows import NOW, add_agent, add_run, event, move, new_run, plain

pytestmark = pytest.mark.anyio


async def test_promises_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent, an accepted run and its end are promises; a run's events on the way are not.

    A run may be accepted without one: then its begin is the next.
    """
    watched = watch_commits(monkeypatch)
    path = tmp_path / "new.db"
    async with open_store(path) as store:
        await add_agent(store)
        run = await add_run(store)
        await store.runs.accept(new_run(2, "conv_2"), [], durable=False)
        await store.runs.move(move(RunState.STARTING))
        await store.events.append(run.conversation_id, [(run.run_id, event())])
        begun = msgspec.structs.replace(event(), move=move(RunState.RUNNING))
        await store.events.append(run.conversation_id, [(run.run_id, begun)])
        outcome = RunOutcome(state=RunState.SUCCEEDED)
        await store.runs.finish(run.run_id, outcome, [event()], now=NOW)
    assert watched.commits == [FULL, FULL, NORMAL, NORMAL, NORMAL, FULL, FULL]
    with plain(path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
