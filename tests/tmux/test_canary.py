"""A canary through the whole service, with the scripted terminal UI beside it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import anyio
import pytest

from conversation_store.records import NewRun
from fallback.guard import Evidence
from fallback.precedence import Scope
from tests.conftest import Serving
from tests.runs.test_service import add_agent, ended, start

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


async def test_one_canary_at_a_time_whoever_asks(serving: Serving, tmp_path: Path) -> None:
    """While the way of a canary is being written down, no other run becomes one too."""
    async with serving(tmux={}, fallback={"automatic": {"dwell_ms": 1}}) as context:
        one = await add_agent(context, tmp_path, "one")
        two = await add_agent(context, tmp_path, "two")
        hung = Evidence(kind="hangs", text="they hung")
        await context.router.guards.warn([(Scope.TYPE, "claude-code")], hung)
        await anyio.sleep(0.01)
        route, held, waiting = context.store.runs.route, anyio.Event(), []

        async def slow(run: NewRun, events: Any) -> Any:
            waiting.append(run.run_id)
            await held.wait()
            return await route(run, events)

        context.store.runs.route = slow  # type: ignore[method-assign]
        first = await start(context, one, "hello")
        with anyio.fail_after(10):
            while not waiting:
                await anyio.sleep(0.001)
        second = await start(context, two, "hello")
        with anyio.fail_after(10):
            while len(waiting) < 2 and not second.done.is_set():
                await anyio.sleep(0.001)
        held.set()
        assert (await ended(first)).answer == (await ended(second)).answer == "echo: hello"
        assert first.run.route["source"] == "canary"
        assert second.run.route["source"] == "type_toggle"
