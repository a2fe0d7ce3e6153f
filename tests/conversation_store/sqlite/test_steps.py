"""A long work on a connection's thread, and what is done between its steps."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from conversation_store.sqlite.connection import Connection, connect
from conversation_store.sqlite.steps import Steps

pytestmark = pytest.mark.anyio


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Connection]:
    opened = await connect(tmp_path / "new.db")
    yield opened
    await opened.close()


async def test_others_are_served_between_the_steps_in_their_order(connection: Connection) -> None:
    served: list[int] = []

    def work(_: sqlite3.Connection, steps: Steps) -> str:
        begun.set()
        while len(served) < 3:
            steps.give_way()
        return "done"

    async def other(number: int) -> None:
        await connection.run(lambda _: served.append(number))

    begun = threading.Event()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:

            async def others() -> None:
                while not begun.is_set():
                    await anyio.sleep(0.001)
                for number in range(3):
                    tasks.start_soon(other, number)

            tasks.start_soon(others)
            assert await connection.run_in_steps(work) == "done"
    assert served == [0, 1, 2]


async def test_an_error_between_the_steps_is_its_callers(connection: Connection) -> None:
    over = threading.Event()

    def work(_: sqlite3.Connection, steps: Steps) -> None:
        while not over.is_set():
            steps.give_way()

    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        try:
            with pytest.raises(sqlite3.OperationalError, match="no such table"):
                await connection.run(lambda plain: plain.execute("SELECT * FROM missing"))
        finally:
            over.set()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            await connection.run_in_steps(work)


async def test_what_comes_after_the_last_step_is_done_after_the_work(
    connection: Connection,
) -> None:
    asked = threading.Event()

    def work(_: sqlite3.Connection, __: Steps) -> None:
        assert asked.wait(30)

    async def other() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(connection.run, lambda _: None)
            await anyio.lowlevel.checkpoint()
            asked.set()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other)
            await connection.run_in_steps(work)


async def test_a_cancelled_caller_ends_the_work(connection: Connection) -> None:
    begun, given_up = threading.Event(), threading.Event()

    def work(_: sqlite3.Connection, steps: Steps) -> None:
        begun.set()
        try:
            while True:
                steps.give_way()
        finally:
            given_up.set()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:

            async def cancel() -> None:
                while not begun.is_set():
                    await anyio.sleep(0.001)
                tasks.cancel_scope.cancel()

            tasks.start_soon(cancel)
            await connection.run_in_steps(work)
        assert given_up.is_set()
        assert await connection.run(lambda plain: plain.execute("SELECT 1").fetchone()) == (1,)
