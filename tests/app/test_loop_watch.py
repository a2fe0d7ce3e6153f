"""A loop that is held up is told of, with the place."""

from __future__ import annotations

import time

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from agent_runner.app.loop_watch import watch_loop

pytestmark = pytest.mark.anyio


def hold_up(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


async def test_a_blocked_loop_is_logged_once_with_its_place() -> None:
    with capture_logs() as logs:
        async with watch_loop(longest=0.2):
            hold_up(1.0)
            await anyio.lowlevel.checkpoint()
    (entry,) = logs
    assert entry["event"] == "event_loop_blocked"
    assert "hold_up" in entry["at"]


async def test_a_loop_that_runs_is_not() -> None:
    with capture_logs() as logs:
        async with watch_loop(longest=5):
            await anyio.sleep(0.3)
    assert logs == []
