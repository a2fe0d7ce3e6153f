"""What fails in the background is told and begun again."""

from __future__ import annotations

import anyio
import pytest
from structlog.testing import capture_logs

from agent_runner.app import endless as module
from agent_runner.app.endless import endless

pytestmark = pytest.mark.anyio


async def test_it_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    begun, third = list[int](), anyio.Event()

    async def work() -> None:
        begun.append(1)
        if len(begun) == 3:
            third.set()
            await anyio.sleep_forever()
        raise RuntimeError("a bug")

    with capture_logs() as logs:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(endless, "clock", work)
            with anyio.fail_after(20):
                await third.wait()
            tasks.cancel_scope.cancel()
    told = [(log["event"], log["work"]) for log in logs]
    assert told == [("background_work_failed", "clock")] * 2
