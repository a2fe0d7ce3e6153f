"""What is sent to a program: written at once where it can be, in order in any case."""

from __future__ import annotations

import os
import select
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from agent_runner.process.child import Child, spawn
from agent_runner.process.warden import Warden
from agent_runner.runners.outbox import Outbox

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def program(warden: Warden, *argv: str) -> AsyncIterator[tuple[Child, Outbox, TaskGroup]]:
    """A program with its outbox, and the task group of what it cannot write at once."""
    found = shutil.which(argv[0])
    assert found is not None
    env = {"PATH": os.environ["PATH"]}
    child = await spawn(warden, [found, *argv[1:]], cwd="/", env=env, process_id="test")
    try:
        await child.go()
        async with anyio.create_task_group() as tasks:

            def full() -> None:
                tasks.start_soon(outbox.write)

            outbox = Outbox(child, full)
            with anyio.fail_after(20):
                yield child, outbox, tasks
            tasks.cancel_scope.cancel()
    finally:
        await child.end(term_grace=0.2)
        child.close()


async def test_what_is_sent_does_not_wait_for_a_task(warden: Warden) -> None:
    async with program(warden, "cat") as (child, outbox, tasks):
        outbox.send(b"now\n")
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.fail_after(20):
            assert await child.read_stdout() == b"now\n"


async def test_what_has_no_room_waits_and_the_rest_behind_it(warden: Warden) -> None:
    pieces = [b"a" * 1_000_000, b"b", b"c" * 100_000, b"d\n"]
    async with program(warden, "cat") as (child, outbox, _):
        for piece in pieces:
            outbox.send(piece)
            # There is room again before the task that writes the rest has its turn.
            assert child._stdin is not None
            assert select.select([], [child._stdin], [], 20)[1]
        outbox.close()
        got = b""
        while chunk := await child.read_stdout():
            got += chunk
        assert got == b"".join(pieces)


async def test_a_program_that_is_gone_takes_nothing_and_nobody_hears_of_it(warden: Warden) -> None:
    async with program(warden, "true") as (child, outbox, _):
        await child.wait()
        outbox.send(b"too late\n")
        outbox.close()
        outbox.send(b"later still\n")


@pytest.mark.parametrize("uvloop", [False, True])
def test_an_input_that_is_closed_while_it_has_no_room_is_forgotten(
    warden: Warden, uvloop: bool
) -> None:
    async def reuse() -> None:
        async with program(warden, "sleep", "60") as (deaf, outbox, tasks):
            number = deaf._stdin
            outbox.send(b"x" * (1 << 20))
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(partial(deaf.end, term_grace=20.0))
            await anyio.lowlevel.checkpoint()
            assert deaf._stdin is None
            async with program(warden, "cat") as (child, other, _):
                assert child._stdin == number
                other.send(b"y" * (1 << 20))
                got = b""
                while len(got) < 1 << 20:
                    got += await child.read_stdout()

    anyio.run(reuse, backend_options={"use_uvloop": uvloop})
