"""The night: once, in its hour, whatever the clock does, and a failure is only told."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import structlog

from agent_runner.api.context import Context
from agent_runner.maintenance.nightly import Nightly, one_night, worthwhile
from agent_runner.maintenance.retention import Retention
from agent_runner.settings import MaintenanceSettings
from conversation_store.records import DatabaseStats
from tests.conftest import Serving
from tests.runs.test_service import add_agent, ended, start

START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
HOUR = 3
LAST = START.replace(hour=HOUR)


def nights(
    hours: int, *, last: datetime | None = LAST, clock: Any = lambda local: local
) -> list[int]:
    """In which hours after START it was done; looked at each minute; `clock` distorts the time."""
    nightly = Nightly(HOUR, last, 0.0)
    found = []
    for minute in range(hours * 60):
        local = clock(START + timedelta(minutes=minute))
        if nightly.due(local, minute * 60.0):
            nightly.done(local, minute * 60.0)
            found.append(minute // 60)
    return found


def test_it_is_done_once_a_night() -> None:
    assert nights(72) == [15, 39, 63]


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_off_by_a_day_makes_it_neither_twice_nor_never(days: int) -> None:
    def clock(local: datetime) -> datetime:
        jumped = local - START > timedelta(hours=16)
        return local + timedelta(days=days) if jumped else local

    found = nights(72, clock=clock)
    assert len(found) == 3
    assert all(later - earlier >= 20 for earlier, later in pairwise(found))


def test_an_hour_that_comes_twice_or_never() -> None:
    for hours in (1, -1):

        def clock(local: datetime, hours: int = hours) -> datetime:
            jumped = local - START > timedelta(hours=15, minutes=30)
            return local + timedelta(hours=hours) if jumped else local

        assert len(nights(72, clock=clock)) == 3


def test_a_machine_that_is_off_at_the_hour_is_caught_up_with() -> None:
    assert nights(8, last=START - timedelta(days=3)) == [1], "once it has been up for an hour"
    assert nights(8, last=None) == [1]
    assert nights(8, last=START - timedelta(hours=20)) == []


def test_a_service_that_is_restarted_in_its_hour_does_it_once() -> None:
    in_hour = START.replace(hour=HOUR)
    assert Nightly(HOUR, in_hour - timedelta(days=1), 0.0).due(in_hour, 60.0)
    assert not Nightly(HOUR, in_hour - timedelta(minutes=5), 0.0).due(in_hour, 60.0)
    ahead = in_hour + timedelta(days=1)
    assert Nightly(HOUR, ahead, 0.0).due(in_hour, 60.0), "the clock was a day ahead then"


def retention(context: Context) -> Retention:
    return Retention(context.store, MaintenanceSettings())


def test_when_a_vacuum_is_worth_it(tmp_path: Path) -> None:
    def stats(free: int, pages: int) -> DatabaseStats:
        return DatabaseStats(
            path=str(tmp_path),
            bytes=pages * 4096,
            wal_bytes=0,
            page_bytes=4096,
            pages=pages,
            free_pages=free,
            schema_version=1,
            rows={},
            lease=None,
        )

    assert worthwhile(stats(5000, 10_000))
    assert not worthwhile(stats(5000, 40_000)), "a small part"
    assert not worthwhile(stats(500, 1000)), "little"
    assert not worthwhile(stats(1 << 40, 1 << 40)), "no room"


@pytest.mark.anyio
async def test_a_night_checks_backs_up_and_shrinks(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        await ended(await start(context, agent, [{"big": 2 << 20, "deltas": 0}] * 12))
        conversation = await context.runs.end_session(agent.agent_id)
        assert conversation is not None
        await context.runs.delete_conversation(conversation)
        await one_night(context.maintenance, retention(context), lambda: False)
        stats = await context.maintenance.stats()
        assert stats.last_check is not None
        assert stats.last_check.ok
        assert stats.backups.count == 1
        assert stats.last_vacuum is None, "while something runs"
        await one_night(context.maintenance, retention(context), lambda: True)
        stats = await context.maintenance.stats()
        assert stats.backups.count == 2
        assert stats.last_vacuum is not None
        assert stats.last_vacuum.bytes_after < stats.last_vacuum.bytes_before / 4
        assert stats.database.free_pages == 0


@pytest.mark.anyio
async def test_a_night_that_fails_is_told(
    serving: Serving, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(_: Retention) -> None:
        raise AssertionError("nothing is forgotten without a backup")

    monkeypatch.setattr(Retention, "forget", forget)
    async with serving() as context:
        (state_dir / "backups").write_text("in the way")
        with structlog.testing.capture_logs() as logs:
            await one_night(context.maintenance, retention(context), lambda: True)
        told = [entry for entry in logs if entry["event"] == "nightly_maintenance_failed"]
        assert len(told) == 1
        assert os.strerror(17) in told[0]["error"] or "exists" in told[0]["error"]
        check = (await context.maintenance.stats()).last_check
        assert check is not None
        assert check.ok, "without a backup to check, the database itself is"
