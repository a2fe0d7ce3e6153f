"""Setting the clock, on or back, ends nothing that waits, and keeps nothing waiting for longer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from agent_runner import wire
from agent_runner.api.context import Context
from agent_runner.app import clock_watch
from agent_runner.clock import TOLERANCE_S, Clock
from conversation_store.errors import StoreLockedError
from conversation_store.records import ApprovalRecord, Cause
from fallback.precedence import Key, Scope
from tests.conftest import Serving
from tests.helpers.asking import approve, asked, pending, question
from tests.runs.test_service import add_agent, ended

pytestmark = pytest.mark.anyio

JUMP_S = 26 * 3600.0
CAUSE = Cause(by="ann", via="http", reason="a test")


class Wall:
    """The machine's clock, to be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset = 0.0
        real, real_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: real() + self.offset)
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + int(self.offset * 1e9))


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    monkeypatch.setattr(clock_watch, "CHECK_S", 0.01)
    return Wall(monkeypatch)


@asynccontextmanager
async def followed(wall: Wall, seconds: float) -> AsyncIterator[None]:
    """The clock is set within; at the end the service has followed it."""
    with capture_logs() as logs:
        wall.offset += seconds
        yield
        with anyio.fail_after(20):
            while not any(log["event"] == "clock_was_set" for log in logs):
                await anyio.sleep(0.01)


def apart(moment: str, before: str, seconds: float) -> bool:
    return abs(wire.seconds_between(before, moment) - seconds) < 1


async def waiting(context: Context, approval: ApprovalRecord) -> ApprovalRecord:
    found = await context.store.approvals.get(approval.approval_id)
    assert found.state == "pending"
    return found


@pytest.mark.parametrize("seconds", [JUMP_S, -JUMP_S, 400 * 86400.0])
async def test_an_approval_waits_as_long_as_it_was_to(
    serving: Serving, tmp_path: Path, wall: Wall, seconds: float
) -> None:
    async with serving(check_ms=10) as context:
        agent = await add_agent(context, tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        async with followed(wall, seconds):
            pass
        moved = await waiting(context, approval)
        assert apart(moved.expires_at, approval.expires_at, seconds)
        assert apart(moved.warn_at, approval.warn_at, seconds)
        assert moved.warned_at is None
        # As long again as at first, and not as long as the clock was set on.
        extended = await context.approvals.extend(approval.approval_id, None)
        life = wire.seconds_between(approval.created_at, approval.expires_at)
        assert apart(extended.expires_at, moved.expires_at, life)
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(active)).state == "succeeded"


async def test_one_that_is_over_then_is_over_in_time(
    serving: Serving, tmp_path: Path, wall: Wall
) -> None:
    async with serving(check_ms=10, expires_ms=1000) as context:
        agent = await add_agent(context, tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        async with followed(wall, -JUMP_S):
            pass
        assert (await ended(active)).state == "succeeded"
        found = await context.store.approvals.get(approval.approval_id)
        assert found.state == "expired"


@pytest.mark.parametrize("seconds", [JUMP_S, -JUMP_S])
async def test_toggles_and_tickets_wait_as_long_as_they_were_to(
    serving: Serving, tmp_path: Path, wall: Wall, seconds: float
) -> None:
    async with serving() as context:
        await add_agent(context, tmp_path)
        key: Key = (Scope.AGENT, "worker")
        toggle = await context.toggles.set(key, "tmux", CAUSE, expires_ms=3_600_000)
        ticket = await context.tickets.send(
            "worker", "hello", {}, sender="s", expires_ms=3_600_000, key=None
        )
        async with followed(wall, seconds):
            assert context.toggles.get(key) is not None, "nor in the moment before"
            assert context.tickets.state_of(ticket) == "pending"
        with anyio.fail_after(20):
            while (kept := context.toggles.get(key)) == toggle:
                await anyio.sleep(0.01)
        assert kept is not None
        assert apart(kept.expires_at or "", toggle.expires_at or "", seconds)
        (listed,) = await context.tickets.pending("worker", after=None, limit=10)
        assert apart(listed.expires_at, ticket.expires_at, seconds)
        replied = await context.tickets.reply(ticket.ticket_id, "here", {}, by="a")
        assert context.tickets.state_of(replied) == "replied"


async def test_after_a_restart_the_wall_clock_counts_up_to_the_longest_wait(
    serving: Serving, tmp_path: Path, wall: Wall
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
    wall.offset -= 300 * 86400
    async with serving() as context:
        found = await pending(context, active.run_id)
        longest = context.settings.approvals.longest_ms / 1000
        assert apart(found.expires_at, wire.now(), longest)
        assert found.warn_at <= found.expires_at
    wall.offset += 600 * 86400
    async with serving(check_ms=10) as context:
        with anyio.fail_after(20):
            while (await context.store.approvals.get(approval.approval_id)).state == "pending":
                await anyio.sleep(0.01)


async def test_what_could_not_be_moved_is_moved_later(
    serving: Serving, tmp_path: Path, wall: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_runner.app.background.PAUSE_S", 0.01)
    for seconds in (JUMP_S, -JUMP_S):
        async with serving() as context:
            agent = await add_agent(context, tmp_path, f"agent{seconds:.0f}")
            _, approval = await asked(context, agent, question(tmp_path / "log"))
            deadlines, move = context.store.deadlines, context.store.deadlines.move
            failed: list[float] = []

            async def locked(by: float, *, now: str, move=move, failed=failed) -> int:  # type: ignore[no-untyped-def]
                if not failed:
                    failed.append(by)
                    raise StoreLockedError("database_locked", "it is locked")
                return int(await move(by, now=now))

            monkeypatch.setattr(deadlines, "move", locked)
            async with followed(wall, seconds):
                pass
            moved = await waiting(context, approval)
            assert apart(moved.expires_at, approval.expires_at, seconds)


def test_a_small_correction_is_none() -> None:
    wall = [1000.0]
    clock = Clock(lambda: wall[0], lambda: 0.0, lambda: 0.0)
    wall[0] += TOLERANCE_S / 2
    assert clock.set_by() == 0
    wall[0] += TOLERANCE_S
    assert clock.set_by() == 1.5 * TOLERANCE_S
    before = clock.now()
    clock.follow(clock.set_by())
    assert clock.set_by() == 0
    assert wire.seconds_between(before, clock.now()) == 1.5 * TOLERANCE_S


def test_a_clock_that_is_set_on_makes_nothing_old() -> None:
    wall, elapsed = [1e9], [0.0]
    clock = Clock(lambda: wall[0], lambda: 0.0, lambda: elapsed[0])
    start = clock.for_ages()
    wall[0] += 400 * 86400
    clock.follow(clock.set_by())
    assert clock.for_ages() == start
    elapsed[0] += 60
    assert wire.seconds_between(start, clock.for_ages()) == 60
    wall[0] = 1e9 - 3600
    assert wire.seconds_between(start, clock.for_ages()) == -3600
