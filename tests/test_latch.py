"""Latch: whoever waits before it is set, or after."""

from __future__ import annotations

import anyio
import pytest

from agent_runner.latch import Latch


@pytest.mark.anyio
async def test_all_that_wait_go_on() -> None:
    """Several may, and each hears of it."""
    latch, heard = Latch(), list[int]()

    async def wait(number: int) -> None:
        await latch.wait()
        heard.append(number)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(wait, number)
            await anyio.wait_all_tasks_blocked()
            assert heard == []
            assert not latch.is_set()
            latch.set()
    assert heard == [0, 1, 2]


@pytest.mark.anyio
async def test_who_comes_later_need_not_wait() -> None:
    """Once set it stays so; to set it twice is nothing."""
    latch = Latch()
    latch.set()
    latch.set()
    assert latch.is_set()
    with anyio.fail_after(10):
        await latch.wait()


@pytest.mark.anyio
async def test_a_wait_can_be_given_up() -> None:
    """And is no reason not to wait again."""
    latch = Latch()
    with anyio.move_on_after(0.01) as scope:
        await latch.wait()
    assert scope.cancelled_caught
    latch.set()
    with anyio.fail_after(10):
        await latch.wait()
