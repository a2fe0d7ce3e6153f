"""Waiting for a descriptor: told each time, and not told again and again for nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import anyio
import anyio.lowlevel
import pytest

from agent_runner.process.readable import Readable

pytestmark = pytest.mark.anyio


class Counted(Readable):
    """Counts how often the event loop told of something to read."""

    told = 0

    def _ready(self) -> None:
        self.told += 1
        super()._ready()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


async def some_rounds() -> None:
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def test_each_piece_is_told_and_the_end(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    with closing(Readable(reading)) as ready, anyio.fail_after(20):
        for piece in (b"one", b"two", b"three"):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ready.wait)
                await anyio.wait_all_tasks_blocked()
                os.write(writing, piece)
            assert os.read(reading, 10) == piece
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ready.wait)
            await anyio.wait_all_tasks_blocked()
            os.dup2(reading, writing)  # closes the end that writes
        assert os.read(reading, 10) == b""


async def test_what_nobody_waits_for_is_told_once(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    with closing(Counted(reading)) as ready, anyio.fail_after(20):
        os.write(writing, b"one")
        await ready.wait()
        await some_rounds()
        assert ready.told == 2, "once for who waited, once for nobody"
        await ready.wait()
        assert ready.told == 3, "it is there still"


async def test_who_leaves_is_not_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    with closing(Readable(reading)) as ready, anyio.fail_after(20):
        with anyio.move_on_after(0):
            await ready.wait()
        os.write(writing, b"one")
        await some_rounds()
        await ready.wait()
        assert os.read(reading, 10) == b"one"
