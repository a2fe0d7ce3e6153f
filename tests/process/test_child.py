"""A child's life with real programs: its pipes, its exit, its end with all it started."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from agent_runner.process import child as child_module
from agent_runner.process.child import CHUNK, Child, spawn
from agent_runner.process.warden import SpawnError, Warden
from tests.helpers.world import lives

pytestmark = pytest.mark.anyio

ENV = {"PATH": os.environ["PATH"]}
PYTHON = [sys.executable, "-I", "-S", "-c"]


Started = Callable[..., AbstractAsyncContextManager[Child]]


@pytest.fixture
def started(warden: Warden) -> Started:
    """Starts a program that is ended when the block is over."""

    @asynccontextmanager
    async def start(*argv: str, mark: str = "test", **options: Any) -> AsyncIterator[Child]:
        program = shutil.which(argv[0]) or argv[0]
        process_id = f"{mark}-{os.getpid()}"
        child = await spawn(
            warden,
            [program, *argv[1:]],
            **{"cwd": "/", "env": ENV, "process_id": process_id, **options},
        )
        try:
            await child.go()
            yield child
        finally:
            await child.end(term_grace=0.2)
            child.close()

    return start


async def true(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():
            await anyio.sleep(0.005)


async def everything(read: Callable[[], object]) -> bytes:
    data = b""
    while chunk := await read():  # type: ignore[misc]
        assert len(chunk) <= CHUNK
        data += chunk
    return data


@pytest.mark.parametrize("code", [0, 1, 2, 126, 255])
async def test_exit_codes(started: Started, code: int) -> None:
    async with started("sh", "-c", f"exit {code}") as child:
        assert child.exit_code is None
        assert await child.wait() == code
        assert await child.wait() == code
        assert child.exit_code == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
async def test_a_signal_is_a_negative_code(started: Started, number: signal.Signals) -> None:
    async with started("sleep", "4711") as child:
        child.signal(number)
        assert await child.wait() == -number


async def test_many_may_wait(started: Started) -> None:
    codes: list[int] = []

    async def wait(child: Child) -> None:
        codes.append(await child.wait())

    async with started("cat") as child, anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(wait, child)
        child.close_stdin()
    assert codes == [0] * 10


async def test_bytes_go_in_and_come_out(started: Started) -> None:
    data = os.urandom(3_000_000)
    async with started("cat") as child, anyio.create_task_group() as tasks:

        async def write() -> None:
            await child.write(data, timeout=20)
            child.close_stdin()
            child.close_stdin()

        tasks.start_soon(write)
        assert await everything(child.read_stdout) == data
        assert await everything(child.read_stderr) == b""


async def test_writers_do_not_mix(started: Started) -> None:
    async with started("cat") as child, anyio.create_task_group() as tasks:
        got: list[bytes] = []

        async def read() -> None:
            got.append(await everything(child.read_stdout))

        tasks.start_soon(read)
        async with anyio.create_task_group() as writers:
            for letter in b"abcdef":
                line = bytes([letter]) * 500_000 + b"\n"
                writers.start_soon(partial(child.write, line, timeout=20))
        child.close_stdin()
    lines = got[0].splitlines()
    assert sorted(lines) == [bytes([letter]) * 500_000 for letter in b"abcdef"]


async def test_both_streams_are_read_apart(started: Started) -> None:
    async with started("sh", "-c", "echo out; echo err >&2") as child:
        assert await everything(child.read_stdout) == b"out\n"
        assert await everything(child.read_stderr) == b"err\n"


async def test_a_program_that_never_reads_is_a_timeout(started: Started) -> None:
    async with started("sleep", "4711") as child:
        with pytest.raises(TimeoutError):
            await child.write(b"x" * 1_000_000, timeout=0.1)


async def test_a_program_that_is_gone_is_a_broken_pipe(started: Started) -> None:
    async with started("true") as child:
        await child.wait()
        with pytest.raises(BrokenPipeError):
            await child.write(b"x" * 1_000_000, timeout=20)
    with pytest.raises(BrokenPipeError):
        await child.write(b"x", timeout=20)


async def test_a_program_that_leaves_while_written_to_is_a_broken_pipe(started: Started) -> None:
    async with started("sh", "-c", "exec head -c 100000 > /dev/null") as child:
        with pytest.raises(BrokenPipeError):
            await child.write(b"x" * 10_000_000, timeout=20)


def make(path: Path, content: bytes, mode: int = 0o755) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


async def test_what_cannot_be_started_says_why(started: Started, tmp_path: Path) -> None:
    broken = make(tmp_path / "broken", b"\x01\x02 no program")
    plain = make(tmp_path / "plain", b"#!/bin/sh\n", 0o644)
    cases = [
        (["/nonexistent/program"], "/", "No such file"),
        (["no-such-program-on-path"], "/", "No such file"),
        (["true"], str(tmp_path / "gone"), "gone"),
        (["true"], plain, "cwd .*Not a directory"),
        ([plain], "/", "Permission denied"),
        ([str(tmp_path)], "/", "Permission denied"),
        ([broken], "/", "Exec format error"),
        (["echo", "a\0b"], "/", "null byte"),
        (["echo", "\ud800"], "/", "surrogate pair"),
        (["echo", "x" * 3_000_000], "/", "too long"),
    ]
    descriptors = []
    for _ in range(2):
        for argv, cwd, reason in cases:
            with pytest.raises(SpawnError, match=reason):
                async with started(*argv, cwd=cwd, mark="never"):
                    raise AssertionError("it began")
        descriptors.append(psutil.Process().num_fds())
    assert descriptors[0] == descriptors[1]


async def test_a_grandchild_that_holds_stdout_does_not_hold_the_exit(started: Started) -> None:
    async with started("sh", "-c", "sleep 4711 & echo $!; exit 7") as child:
        assert await child.wait() == 7
        grandchild = int(await child.read_stdout())
        assert psutil.pid_exists(grandchild)
        assert await child.end(term_grace=5) == 7
        await true(lambda: not lives(grandchild))


async def test_no_descriptor_is_left(started: Started) -> None:
    process = psutil.Process()
    async with started("true"):
        pass
    before = process.num_fds()
    for number in range(50):
        async with started("true" if number % 2 else "cat") as child:
            if number % 3:
                child.close_stdin()
                await child.wait()
    assert process.num_fds() == before


# --- the end -------------------------------------------------------------------------------

ESCAPES = {
    "child": "sleep(False)",
    "own session": "sleep(True)",
    "double fork": "if os.fork() == 0:\n    sleep(True)\n    os._exit(0)\nos.wait()",
    "own session in an own session": (
        "if os.fork() == 0:\n    os.setsid()\n    sleep(True)\n    os._exit(0)\nos.wait()"
    ),
}
HELPER = """
import os, signal, subprocess, sys, time
{ignore}
def sleep(own_session):
    code = "import signal, time; {quiet}print(1, flush=True); time.sleep(4711)"
    started = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code],
        start_new_session=own_session, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )
    started.stdout.readline()
    print(started.pid, flush=True)
{escape}
print("ready", flush=True)
{rest}
"""


@pytest.mark.parametrize("leave", [False, True], ids=["stays", "leaves first"])
@pytest.mark.parametrize("ignore", [False, True], ids=["takes TERM", "ignores TERM"])
@pytest.mark.parametrize("escape", ESCAPES)
async def test_the_end_reaches_everything(
    started: Started, escape: str, ignore: bool, leave: bool
) -> None:
    quiet = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " if ignore else ""
    code = HELPER.format(
        ignore=quiet, quiet=quiet, escape=ESCAPES[escape], rest="" if leave else "time.sleep(4711)"
    )
    marker = f"end-{escape}-{ignore}-{leave}"
    async with started(*PYTHON, code, mark=marker) as child:
        told = b""
        while b"ready" not in told:
            told += await child.read_stdout()
        hidden = [int(word) for word in told.split() if word.isdigit()]
        assert hidden
        assert all(psutil.pid_exists(pid) for pid in hidden)
        if leave:
            assert await child.wait() == 0
        code_at_end = await child.end(term_grace=0.3)
        assert code_at_end is not None
        if not leave:
            assert code_at_end == (-signal.SIGKILL if ignore else -signal.SIGTERM)
        await true(lambda: not any(lives(pid) for pid in hidden))


async def test_a_program_may_end_itself_when_its_input_ends(started: Started) -> None:
    code = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
    async with started(*PYTHON, f"{code}\nsys.stdin.read(); sys.exit(9)") as child:
        await child.read_stdout()
        assert await child.end(term_grace=20) == 9
        assert await child.end() == 9


async def test_the_end_is_finished_even_when_cancelled(started: Started) -> None:
    async with started("sleep", "4711") as child:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await child.end()
        assert child.exit_code == -signal.SIGTERM


async def test_the_end_spares_strangers(started: Started) -> None:
    async with (
        started("sleep", "4711", mark="mine") as child,
        started("sleep", "4711", mark="other") as other,
        await anyio.open_process(["sleep", "4711"]) as stranger,
    ):
        await child.end()
        assert lives(other.pid)
        assert lives(stranger.pid)
        stranger.kill()


async def test_more_at_once_than_the_warden_can_be_asked_for() -> None:
    count, made = 60, list[Child]()
    warden = Warden()
    warden._requests.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    true_program = shutil.which("true")
    assert true_program is not None

    async def one() -> None:
        made.append(
            await spawn(warden, [true_program], cwd="/", env=ENV, process_id=f"many-{os.getpid()}")
        )

    try:
        os.kill(warden.pid, signal.SIGSTOP)
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(one)
            await anyio.wait_all_tasks_blocked()
            os.kill(warden.pid, signal.SIGCONT)
        assert len(made) == count
    finally:
        for child in made:
            child.close()
        warden.close()


async def test_a_spool_that_cannot_be_read_leaves_nothing(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: Path) -> int:
        raise SpawnError("Too many open files", errno.EMFILE)

    monkeypatch.setattr(child_module, "_end_of", none_left)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(SpawnError):
            async with started("true", spool=tmp_path / "spool"):
                pass
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_spool_in_no_folder_is_told(started: Started, tmp_path: Path) -> None:
    with pytest.raises(SpawnError, match="No such file"):
        async with started("true", spool=tmp_path / "missing" / "spool"):
            pass
