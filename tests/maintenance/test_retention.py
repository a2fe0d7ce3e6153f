"""What is old loses its outputs, or goes; what still counts stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runner import wire
from agent_runner.maintenance import retention as module
from agent_runner.maintenance.retention import Retention
from agent_runner.settings import MaintenanceSettings
from conversation_store.errors import RecordNotFoundError
from conversation_store.records import TicketRecord
from conversation_store.sqlite.store import Store, open_store
from tests.helpers.rows import add_agent
from tests.helpers.shadow_history import history, seed

pytestmark = pytest.mark.anyio

DAY_S = 86_400
SETTINGS = MaintenanceSettings(keep_outputs_days=10, keep_tickets_days=5)


async def sent(store: Store, number: int, *, age_days: float, lasts_days: float) -> str:
    created = wire.later(wire.now(), -age_days * DAY_S)
    ticket = TicketRecord(
        ticket_id=f"tkt_{number}",
        agent_id="worker",
        content="hello",
        metadata={},
        sender="me",
        created_at=created,
        expires_at=wire.later(created, lasts_days * DAY_S),
        reply=None,
        reply_metadata=None,
        replied_by=None,
        replied_at=None,
    )
    return (await store.tickets.send(ticket, None)).ticket_id


async def test_outputs_go_and_figures_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 7)
    today = wire.now()[:10]
    async with open_store(tmp_path / "db") as store:
        await add_agent(store)
        made = list(history(days=20, per_day=2, last_day=today))
        await seed(store, iter(made))
        before = wire.later(wire.now(), -10 * DAY_S)
        old = {new.comparison_id for new, _ in made if new.created_at < before}
        assert 7 < len(old) < len(made)
        retention = Retention(store, SETTINGS)
        assert await retention.forget() == (len(old), 0)
        assert await retention.forget() == (0, 0)
        for new, result in made:
            found = await store.comparisons.get(new.comparison_id)
            assert found.comparison.verdict == result.verdict
            assert found.comparison.mirror_figures == result.mirror_figures
            kept = None if new.comparison_id in old else result.primary_body
            assert found.primary == kept
            assert (found.mirror is None) == (found.primary is None)


async def test_tickets_that_are_over_go(tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        await add_agent(store)
        over = await sent(store, 1, age_days=9, lasts_days=1)
        lately = await sent(store, 2, age_days=9, lasts_days=5)
        waiting = await sent(store, 3, age_days=90, lasts_days=100)
        replied = await sent(store, 4, age_days=90, lasts_days=100)
        then = wire.later(wire.now(), -20 * DAY_S)
        assert await store.tickets.reply(replied, "yes", {}, by="agent", now=then)
        assert await Retention(store, SETTINGS).forget() == (0, 2)
        for ticket in (over, replied):
            with pytest.raises(RecordNotFoundError):
                await store.tickets.get(ticket)
        for ticket in (lately, waiting):
            assert (await store.tickets.get(ticket)).ticket_id == ticket
