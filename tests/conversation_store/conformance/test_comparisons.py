"""Comparisons are kept with their conversation, and end once."""

from __future__ import annotations

from pathlib import Path

import pytest

from conversation_store.errors import RecordNotFoundError
from conversation_store.interfaces import OpenStore
from conversation_store.records import ComparisonResult, RunOutcome
from conversation_store.states import RunState, Verdict
from tests.helpers.rows import NOW, add_agent, new_run
from tests.helpers.shadow_history import history, seed

pytestmark = pytest.mark.anyio


async def test_what_is_written_is_read(open_store: OpenStore, tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        await add_agent(store)
        made = list(history(days=3, per_day=5, mismatches=0.5, corrupt=1))
        await seed(store, iter(made))
        page = await store.comparisons.page(limit=100)
        ids = sorted((new.comparison_id for new, _ in made), reverse=True)
        assert [one.comparison_id for one in page] == ids
        new, result = made[0]
        found = await store.comparisons.get(new.comparison_id)
        assert found.primary == result.primary_body
        assert found.mirror == result.mirror_body
        assert found.comparison.mirror_figures == result.mirror_figures
        assert found.comparison.reasons == result.reasons
        wrong = await store.comparisons.page(verdicts=[Verdict.MISMATCH], limit=100)
        assert {one.verdict for one in wrong} == {"mismatch"}
        older = await store.comparisons.page(before=ids[4], limit=3)
        assert [one.comparison_id for one in older] == ids[5:8]
        day = await store.comparisons.page(since="2026-11-19", until="2026-11-20", limit=100)
        assert len(day) == 5
        assert await store.comparisons.page(agent_id="other", limit=9) == []
        assert await store.comparisons.page(agent_type="gemini", limit=9) == []


async def test_it_ends_once(open_store: OpenStore, tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        await add_agent(store)
        ((new, result),) = history(days=1, per_day=1)
        await seed(store, iter([(new, result)]))
        again = ComparisonResult(skipped_because="service_stopped")
        assert not await store.comparisons.finish(new.comparison_id, again, now=NOW)
        assert await store.comparisons.skip_running("service_stopped", now=NOW) == 0
        found = await store.comparisons.get(new.comparison_id)
        assert found.comparison.state == "done"


async def test_what_was_running_is_skipped(open_store: OpenStore, tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        await add_agent(store)
        ((new, _),) = history(days=1, per_day=1)
        await store.runs.accept(new_run(1, new.conversation_id, run_id=new.run_id), [])
        await store.comparisons.begin(new)
        assert await store.comparisons.skip_running("x", now=NOW) == 1
        page = await store.comparisons.page(limit=9)
        assert [(one.state, one.skipped_because) for one in page] == [("skipped", "x")]


async def test_it_goes_with_its_conversation(open_store: OpenStore, tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        await add_agent(store)
        ((new, result),) = history(days=1, per_day=1)
        await seed(store, iter([(new, result)]))
        outcome = RunOutcome(state=RunState.FAILED)
        await store.runs.finish(new.run_id, outcome, [], now=NOW)
        await store.conversations.delete(new.conversation_id)
        with pytest.raises(RecordNotFoundError):
            await store.comparisons.get(new.comparison_id)
        assert not await store.comparisons.finish(new.comparison_id, result, now=NOW)
