"""The pool of warm processes: what ends one does not meet what takes another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import anyio
import pytest

from agent_runner.agents.base import AgentOptions, Form
from agent_runner.events.session import SessionClosed, SessionWarning
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.warm import WarmPool, WarmProcess
from agent_runner.settings import SupervisionSettings

pytestmark = pytest.mark.anyio

OPTIONS = AgentOptions(cwd="/")


class SlowToEnd:
    """A process that ends when it is let."""

    pid = 1
    form = Form.WARM

    def __init__(self) -> None:
        self.alive = True
        self.born = anyio.current_time()
        self.ending, self.may_end = anyio.Event(), anyio.Event()
        self.background = SimpleNamespace(working=False, rested_at=0.0)

    async def end(self, reason: str | None = None) -> None:
        self.ending.set()
        await self.may_end.wait()
        self.alive = False


async def told(conversation_id: str, event: SessionWarning | SessionClosed) -> None:
    pass


def pool() -> WarmPool:
    return WarmPool(8, 0.0, 0, told)


def kept(live: SlowToEnd, idle_ms: int = 3_600_000) -> WarmProcess:
    timeouts = SupervisionSettings().with_overrides({"sessionIdleMs": idle_ms}, {})
    return WarmProcess("agent", cast("CliProcess", live), OPTIONS, timeouts)


async def test_one_is_taken_while_the_clock_ends_another() -> None:
    kept_here, first, second = pool(), SlowToEnd(), SlowToEnd()
    second.may_end.set()
    await kept_here.give("first", kept(first, 1))
    await kept_here.give("second", kept(second, 1))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(kept_here.keep_time)
        with anyio.fail_after(20):
            await first.ending.wait()
            assert await kept_here.take("second", OPTIONS, Form.WARM) is None
            newer = SlowToEnd()
            await kept_here.give("second", kept(newer))
            first.may_end.set()
            while first.alive:
                await anyio.sleep(0.001)
            await anyio.wait_all_tasks_blocked()
        assert newer.alive
        assert list(kept_here.processes) == ["second"]
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["drop", "take"])
async def test_none_is_had_while_an_earlier_one_lives(how: str) -> None:
    kept_here, live = pool(), SlowToEnd()
    await kept_here.give("one", kept(live))
    async with anyio.create_task_group() as tasks:
        if how == "drop":
            tasks.start_soon(kept_here.drop, "one")
        else:
            tasks.start_soon(kept_here.take, "one", AgentOptions(cwd="/other"), Form.WARM)
        with anyio.fail_after(20):
            await live.ending.wait()

            async def take() -> None:
                assert await kept_here.take("one", OPTIONS, Form.WARM) is None
                assert not live.alive

            tasks.start_soon(take)
            await anyio.wait_all_tasks_blocked()
            live.may_end.set()
