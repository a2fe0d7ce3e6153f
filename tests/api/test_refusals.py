"""Refusals fill no log."""

from __future__ import annotations

import anyio
import pytest
import structlog

from agent_runner.api.refusals import Refusals

pytestmark = pytest.mark.anyio


async def test_the_first_is_told_at_once_and_the_others_together() -> None:
    with structlog.testing.capture_logs() as lines:
        refusals = Refusals(every_s=0.05)
        for _ in range(100):
            refusals.note("unauthorized")
        refusals.note("head_timeout")
        assert len(lines) == 1
        while len(lines) < 2:
            await anyio.sleep(0.01)
        counts = {k: v for k, v in lines[1].items() if k not in ("event", "log_level")}
        assert counts == {"unauthorized": 99, "head_timeout": 1}


async def test_after_a_quiet_time_the_first_is_told_at_once_again() -> None:
    with structlog.testing.capture_logs() as lines:
        refusals = Refusals(every_s=0.01)
        refusals.note("unauthorized")
        while refusals.waiting:
            await anyio.sleep(0.01)
        refusals.note("unauthorized")
        assert [line["unauthorized"] for line in lines] == [1, 1]
