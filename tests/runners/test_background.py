"""Who waits for a process's work to be over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest

from agent_runner.agents.base import CliProtocol
from agent_runner.events.background import BackgroundTask
from agent_runner.runners.background import Background

pytestmark = pytest.mark.anyio


async def test_work_that_was_read_of_and_not_looked_at_is_waited_for() -> None:
    session: Any = SimpleNamespace(background=[], resting=True, untold=False)
    none: Any = None
    background = Background(none, cast("CliProtocol", session), none, none, none)
    await background.note()
    session.background = [BackgroundTask(task_id="t1")]
    over = anyio.Event()

    async def wait() -> None:
        await background.rest()
        over.set()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            for _ in range(9):
                await anyio.lowlevel.checkpoint()
            assert not over.is_set()
            session.background = []
            await background.note()
