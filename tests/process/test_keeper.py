"""What the keeper promises: nothing unrecorded works, nothing outlives its service."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

import agent_runner
from agent_runner.process import warden as program
from agent_runner.process.child import Child, spawn
from agent_runner.process.identity import ticks_now
from agent_runner.process.warden import MOST_SPARES, SpawnError, TreeLimits, Warden
from tests.helpers.world import lives

pytestmark = pytest.mark.anyio

ENV = {"PATH": os.environ["PATH"]}
FAMILY = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def sleep():
    print(os.getpid(), flush=True)
    while True:
        time.sleep(100)
for number in range({count}):
    if os.fork() == 0:
        if number % 2:
            os.setsid()
        if number % 3 == 0 and os.fork():
            os._exit(0)
        sleep()
sleep()
"""


@asynccontextmanager
async def running(warden: Warden, code: str, **options: Any) -> AsyncIterator[Child]:
    argv = [sys.executable, "-I", "-S", "-c", code]
    process_id = f"keeper-{os.getpid()}-{os.urandom(4).hex()}"
    child = await spawn(warden, argv, cwd="/", env=ENV, process_id=process_id, **options)
    try:
        yield child
    finally:
        await child.end(term_grace=0.1)
        child.close()


async def lines(child: Child, count: int) -> list[str]:
    text = b""
    with anyio.fail_after(20):
        while text.count(b"\n") < count:
            chunk = await child.read_stdout()
            assert chunk, f"it ended after {text!r}"
            text += chunk
    return text.decode().split()


async def true(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():
            await anyio.sleep(0.005)


def spare(warden: Warden) -> list[int]:
    """What is below a warden that keeps nothing: the next keepers and their held processes."""
    return [process.pid for process in psutil.Process(warden.pid).children(recursive=True)]


def keepers(warden: Warden) -> list[int]:
    """Those that the warden has."""
    return [process.pid for process in psutil.Process(warden.pid).children()]


def keeper_of(child: Child) -> psutil.Process:
    """The one that keeps it."""
    keeper = psutil.Process(child.pid).parent()
    assert keeper is not None
    return keeper


async def used(warden: Warden) -> int:
    """Have a process live and go; the pid of its keeper."""
    async with running(warden, "print(1)") as child:
        keeper = keeper_of(child).pid
        await child.go()
        assert await lines(child, 1) == ["1"]
        assert await child.wait() == 0
        await child.end()
        assert child.empty
    return keeper


async def test_a_held_process_does_nothing(warden: Warden, tmp_path: Path) -> None:
    file = tmp_path / "worked"
    async with running(warden, f"open({str(file)!r}, 'w').close()") as child:
        await true(lambda: psutil.Process(child.pid).status() == psutil.STATUS_SLEEPING)
        assert child.identity.start_ticks is not None
        await child.end()
        assert child.exit_code == -signal.SIGTERM
    assert not file.exists()


async def test_a_held_process_ends_with_its_service(warden: Warden, tmp_path: Path) -> None:
    file = tmp_path / "worked"
    async with running(warden, f"open({str(file)!r}, 'w').close()") as child:
        child.close()
        await true(lambda: not lives(child.pid))
    assert not file.exists()


async def test_without_the_lifeline_nothing_is_left(warden: Warden) -> None:
    """What the keeper does when its service is killed: here only the socket is closed."""
    async with running(warden, FAMILY.format(count=12)) as child:
        await child.go()
        pids = [int(word) for word in await lines(child, 13)]
        assert all(map(lives, pids))
        child.close()
        await true(lambda: not any(map(lives, pids)))


async def test_a_killed_keeper_leaves_nothing(warden: Warden) -> None:
    async with running(warden, FAMILY.format(count=12)) as child:
        await child.go()
        pids = [int(word) for word in await lines(child, 13)]
        keeper = keeper_of(child)
        assert keeper.ppid() == warden.pid
        keeper.kill()
        with anyio.fail_after(20):
            assert await child.wait() == -signal.SIGKILL
            await child.end()
        assert child.empty
        assert not any(map(lives, pids))


@pytest.mark.parametrize("noticed", [False, True])
async def test_a_killed_warden_is_replaced_and_its_keepers_stay(noticed: bool) -> None:
    warden = Warden()
    try:
        async with running(warden, FAMILY.format(count=3)) as child:
            await child.go()
            pids = [int(word) for word in await lines(child, 4)]
            keeper = keeper_of(child).pid
            killed = warden.pid
            os.kill(killed, signal.SIGKILL)
            if noticed:
                await true(lambda: not lives(killed))
            async with running(warden, "print(1)") as other:
                await other.go()
                assert await lines(other, 1) == ["1"]
                await child.end(term_grace=0.1)
                assert child.empty
                assert not any(map(lives, pids))
                child.close()
                # Nobody would end its tree if it were killed: it is of no more use.
                await true(lambda: not lives(keeper))
    finally:
        warden.close()


@pytest.mark.parametrize("which", [0, 1], ids=["keeper", "held process"])
async def test_a_killed_spare_is_replaced(which: int) -> None:
    warden = Warden()
    try:
        for round_number in range(3):
            await true(lambda: len(spare(warden)) == (4 if round_number else 2))  # noqa: B023
            kept = keepers(warden)
            killed = kept if which == 0 else sorted(set(spare(warden)) - set(kept))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            await true(lambda: not any(map(lives, killed)))  # noqa: B023
            assert await used(warden) not in kept
            await used(warden)
    finally:
        warden.close()


async def test_a_warden_that_leaves_takes_its_spare_along() -> None:
    warden = Warden()
    await true(lambda: len(spare(warden)) == 2)
    pids = spare(warden)
    warden.close()
    await true(lambda: not any(map(lives, pids)))


async def test_a_killed_warden_takes_its_spare_along() -> None:
    warden = Warden()
    await true(lambda: len(spare(warden)) == 2)
    pids = spare(warden)
    os.kill(warden.pid, signal.SIGKILL)
    warden.close()
    await true(lambda: not any(map(lives, pids)))


async def test_a_hundred_that_ignore_term_are_ended(warden: Warden) -> None:
    async with running(warden, FAMILY.format(count=100)) as child:
        await child.go()
        pids = [int(word) for word in await lines(child, 101)]
        await child.end(term_grace=0.1)
        assert child.empty
        assert not any(map(lives, pids))


@pytest.mark.parametrize(
    ("ignored", "blocked"),
    [
        ([], []),
        ([signal.SIGHUP, signal.SIGINT, signal.SIGQUIT], []),
        ([], [signal.SIGTERM, signal.SIGCHLD, signal.SIGWINCH]),
    ],
)
async def test_the_program_finds_a_plain_world(
    ignored: list[signal.Signals], blocked: list[signal.Signals]
) -> None:
    """Whatever the service was started with: nohup ignores HUP, a shell's `&` INT and QUIT.

    A program that waits for its signals by signalfd has them blocked.
    """
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    warden = Warden()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number, handler in before.items():
        signal.signal(number, handler)
    code = """
import os
print(sorted(map(int, os.listdir('/proc/self/fd')))[:3], len(os.listdir('/proc/self/fd')))
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
ignored = int(status['SigIgn'], 16) & 0x7fffffff  # those above are the C library's own
print(f'{ignored:016x}', status['SigBlk'].strip(), status['Umask'].strip())
print(open('/proc/self/oom_score_adj').read().strip(), os.getsid(0) == os.getpid())
"""
    async with running(warden, code) as child:
        await child.go()
        # The fourth descriptor is that of the listing itself; Python ignores PIPE and XFSZ.
        python_ignores = f"{1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1):016x}"
        assert " ".join(await lines(child, 3)) == (
            f"[0, 1, 2] 4 {python_ignores} {0:016x} 0022 500 True"
        )
    warden.close()


async def test_a_keeper_keeps_one_after_the_other() -> None:
    warden = Warden()
    try:
        await used(warden)
        assert len({await used(warden) for _ in range(5)}) == 1
        async with AsyncExitStack() as stack:
            many = [await stack.enter_async_context(running(warden, "")) for _ in range(5)]
            assert len({keeper_of(child).pid for child in many}) == 5
            for child in many:
                await child.end()
        await true(lambda: len(spare(warden)) == 2 * MOST_SPARES)
    finally:
        warden.close()


async def test_what_is_said_to_an_empty_tree_does_not_reach_the_next(warden: Warden) -> None:
    await used(warden)
    async with running(warden, "") as child:
        keeper = keeper_of(child).pid
        await child.end()
        for command in (b"k", b"t", b"sn", b"g", b"c" + b"n" * 8):
            child._control.command(command)
    assert await used(warden) == keeper


async def test_what_is_closed_does_nothing_to_the_next(warden: Warden) -> None:
    await used(warden)
    async with running(warden, "") as child:
        keeper = keeper_of(child).pid
        await child.end()
    code = "import os\nos.fork() or os.execlp('cat', 'cat')\nprint('here', flush=True)\nos.wait()"
    async with running(warden, code) as other:
        assert keeper_of(other).pid == keeper
        await other.go()
        assert await lines(other, 1) == ["here"]
        child.sweep(0)
        child.signal(signal.SIGKILL)
        await child.end(term_grace=0)
        other.close_stdin()
        assert await other.wait() == 0


async def test_the_cpu_time_of_one_is_not_that_of_the_next(warden: Warden) -> None:
    await used(warden)
    seen = set()
    for burnt in (1.0, 0.6):
        code = f"import time\nwhile time.process_time() < {burnt}: pass\ntime.sleep(1.2)"
        async with running(warden, code, limits=TreeLimits(cpu_s=1)) as child:
            seen.add(keeper_of(child).pid)
            await child.go()
            assert await child.wait() == 0
            await child.end()
    assert len(seen) == 1


async def test_no_zombie_is_left(warden: Warden) -> None:
    for _ in range(20):
        async with running(warden, "import os\nif os.fork(): os._exit(0)") as child:
            await child.go()
            assert await child.wait() == 0
            await child.end()
    await true(lambda: len(spare(warden)) == 2 * MOST_SPARES)
    assert all(map(lives, spare(warden)))


HOG = "b = []\nwhile True:\n    b.append(bytearray(b'x' * 4_000_000)); time.sleep(0.002)"
IN_A_GRANDCHILD = "import os, time\nif os.fork() == 0:\n    os.setsid()\n"


@pytest.mark.parametrize(
    ("limit", "code", "limits"),
    [
        ("memory", f"import time\n{HOG}", TreeLimits(memory_bytes=100 << 20)),
        (
            "memory",
            IN_A_GRANDCHILD + "    " + HOG.replace("\n", "\n    ") + "\ntime.sleep(4711)",
            TreeLimits(memory_bytes=100 << 20),
        ),
        ("cpu", "while True: pass", TreeLimits(cpu_s=1)),
        (
            "processes",
            "import os, time\nwhile True:\n    os.fork() or time.sleep(4711)\n    time.sleep(0.01)",
            TreeLimits(processes=20),
        ),
    ],
    ids=["memory", "memory of a grandchild", "cpu", "processes"],
)
async def test_a_tree_over_a_limit_is_ended(
    warden: Warden, limit: str, code: str, limits: TreeLimits
) -> None:
    notices: list[dict[str, Any]] = []
    async with running(warden, code, limits=limits) as child:
        child.on_notice = notices.append
        await child.go()
        with anyio.fail_after(30):
            assert await child.wait() == -signal.SIGKILL
            await child.end()
        assert child.empty
        (over,) = [notice for notice in notices if "limit" in notice]
        assert over["limit"] == limit
        assert over["used"] > over["of"]
        assert not child.oom_killed


async def test_near_the_memory_limit_comes_a_warning(warden: Warden) -> None:
    notices: list[dict[str, Any]] = []
    code = "b = bytearray(90_000_000)\nfor at in range(0, len(b), 4096): b[at] = 1\ninput()"
    async with running(warden, code, limits=TreeLimits(memory_bytes=100 << 20)) as child:
        child.on_notice = notices.append
        await child.go()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child.wait)
            await true(lambda: bool(notices))
            child.close_stdin()
        assert notices == [{"warning": "memory", "used": notices[0]["used"], "of": 100 << 20}]


async def test_a_sweep_spares_what_was_there_before(warden: Warden) -> None:
    code = """
import os, subprocess, sys, time
def start():
    print(subprocess.Popen(["sleep", "4711"], start_new_session=True).pid, flush=True)
start()
sys.stdin.readline()
start()
time.sleep(4711)
"""
    async with running(warden, code) as child:
        await child.go()
        (own,) = map(int, await lines(child, 1))
        there = ticks_now()
        await true(lambda: ticks_now() > there)
        since = ticks_now()
        await child.write(b"\n", timeout=5)
        (tools,) = map(int, await lines(child, 1))
        child.sweep(since)
        await true(lambda: not lives(tools))
        assert lives(own)
        assert lives(child.pid)


@pytest.mark.parametrize("way", ["end", "lifeline"])
async def test_where_proc_does_not_tell_the_cli_and_its_group_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The keeper as it is where there is neither /proc nor a subreaper."""
    blind = tmp_path / "agent_runner"
    shutil.copytree(Path(agent_runner.__file__).parent / "process", blind / "process")
    for file in blind.glob("process/*.py"):
        text = file.read_text().replace("/proc/", "/no proc/")
        file.write_text(text.replace('sys.platform == "linux"', "False"))
    monkeypatch.setattr(program, "_PROGRAM", blind / "process/keeper.py")
    warden = Warden()
    try:
        async with running(warden, FAMILY.format(count=1)) as child:
            await child.go()
            pids = [int(word) for word in await lines(child, 2)]
            if way == "end":
                await child.end(term_grace=0.2)
                assert child.empty
            else:
                child.close()
            await true(lambda: not any(map(lives, pids)))
    finally:
        warden.close()


async def test_a_keeper_that_is_killed_before_its_program_begins(warden: Warden) -> None:
    """What is said of it is that one may try again."""
    child = await spawn(warden, ["/bin/true"], cwd="/", env={}, process_id="killed-early")
    keeper = keeper_of(child)
    keeper.kill()
    await true(lambda: not keeper.is_running())
    with pytest.raises(SpawnError) as caught:
        await child.go()
    assert caught.value.errno == errno.EAGAIN
    await child.end(term_grace=0.2)
    child.close()
