"""Starts the warden and asks it for processes. See `keeper` for what it does and why."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import msgspec

from agent_runner.process.control import Control
from agent_runner.process.frames import send_descriptors
from agent_runner.process.identity import has_ended

_PROGRAM = Path(__file__).with_name("keeper.py")
MOST_SPARES = 2
"""Keepers that wait for a use, beyond those in use: each takes 2 MiB."""


class SpawnError(Exception):
    """The program did not start; the message says why, `errno` and `what` for the machine.

    `what` is "start", "cwd", "roots" (the cwd lies in none of them) or "program".
    """

    def __init__(self, message: str, number: int = 0, what: str = "start") -> None:
        super().__init__(message)
        self.errno = number
        self.what = what


class TreeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a CLI and all it starts may take together; 0 is no limit."""

    memory_bytes: int = 0
    cpu_s: int = 0
    processes: int = 0


class Held(msgspec.Struct, frozen=True):
    """A process that waits to be told what to be, and its keeper."""

    control: Control
    pid: int
    ticks: int | None


class Ends(msgspec.Struct, frozen=True):
    """A held process and our ends of its descriptors; `stdout` is None if it is a file.

    Once nothing of it is left, `give_back` takes the place of `held.control.close`.
    """

    held: Held
    stdin: int
    stdout: int | None
    stderr: int
    give_back: Callable[[], None]


class Warden:
    """Owns the warden process. Made at the start of the service, before it is busy.

    There is always one held process more than was asked for: making one takes milliseconds. A
    keeper whose tree is empty holds the next: that takes half as long as a new one.
    """

    def __init__(self, umask: int = 0o022, descriptors: int | None = None) -> None:
        self._umask = umask
        self._descriptors = descriptors
        self._process: subprocess.Popen[bytes]
        self._requests: socket.socket
        self._spares: list[Control]
        self._asking = anyio.Lock(fast_acquire=True)
        self._start()

    @property
    def pid(self) -> int:
        """The warden's process id."""
        return self._process.pid

    async def request(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        limits: TreeLimits,
        spool: Path | None,
        roots: Sequence[str] = (),
    ) -> Ends:
        """A process that is held before `argv`, whose program must be a path.

        SpawnError if it cannot be made, no descriptors are left, or what is asked cannot be
        passed to a program.
        """
        body = _spec(argv, cwd, env, limits, roots)
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            try:
                stdin_r, stdin_w = _pipe(theirs, ours)
                stderr_w, stderr_r = _pipe(ours, theirs)[::-1]
                stdout_r: int | None = None
                if spool is None:
                    stdout_w, stdout_r = _pipe(ours, theirs)[::-1]
                else:
                    stdout_w = os.open(spool, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
                    theirs.callback(os.close, stdout_w)
                held = await self._held()
            except OSError as error:
                raise SpawnError(f"{argv[0]}: {error.strerror}", error.errno or 0) from error
            ours.callback(held.control.close)
            await held.control.start([stdin_r, stdout_w, stderr_w], body)
            ours.pop_all()
        give_back = partial(self._take_back, held.control, self.pid)
        return Ends(held, stdin_w, stdout_r, stderr_r, give_back)

    async def _held(self) -> Held:
        """The spare, or another one if that is gone; OSError says why there is none."""
        if self._process.poll() is not None:
            self.close()
            self._start()
        held = None
        while self._spares and held is None:
            with contextlib.suppress(OSError):
                held = await _held_by(self._spares.pop())
        if held is None:
            held = await _held_by(await self._ask())
        if not self._spares:
            self._have_spare()
        return held

    def _take_back(self, control: Control, warden_pid: int) -> None:
        """Have a keeper hold the next process; it leaves if enough do, or its warden is gone."""
        mine = self._process.poll() is None and self.pid == warden_pid
        if mine and len(self._spares) < MOST_SPARES and control.silent:
            control.hold_next()
            self._spares.append(control)
        else:
            control.close()

    async def _ask(self) -> Control:
        """Have a keeper made, as soon as the warden can take one more request."""
        async with self._asking:
            while True:
                try:
                    return self._try_to_ask()
                except BlockingIOError:
                    await anyio.wait_writable(self._requests)

    def _try_to_ask(self) -> Control:
        """Have a keeper made; EAGAIN if the warden is gone, as there will be another."""
        near, far = socket.socketpair()
        with far, contextlib.ExitStack() as ours:
            ours.enter_context(near)
            try:
                send_descriptors(self._requests, [far.fileno()])
            except (BrokenPipeError, ConnectionResetError) as error:
                raise OSError(errno.EAGAIN, f"the warden is gone: {error.strerror}") from error
            ours.pop_all()
        return Control(near)

    def close(self) -> None:
        """Let the warden go; the keepers it made stay until their trees are ended."""
        while self._spares:
            self._spares.pop().close()
        self._requests.close()
        self._process.wait()

    def _start(self) -> None:
        self._requests, far = socket.socketpair()
        self._requests.setblocking(False)
        with far:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(_PROGRAM), str(far.fileno())),
                    *([] if self._descriptors is None else [str(self._descriptors)]),
                ],
                stdin=subprocess.DEVNULL,
                env={},
                cwd="/",
                pass_fds=[far.fileno()],
                start_new_session=True,
                umask=self._umask,
            )
        self._spares = []
        self._have_spare()

    def _have_spare(self) -> None:
        with contextlib.suppress(OSError):  # made when it is needed
            self._spares.append(self._try_to_ask())


@asynccontextmanager
async def open_warden(umask: int = 0o022, descriptors: int | None = None) -> AsyncIterator[Warden]:
    """A warden for as long as the block runs.

    CLIs get `umask` and the soft limit of `descriptors`, not the service's own.
    """
    warden = Warden(umask, descriptors)
    try:
        yield warden
    finally:
        warden.close()


def _pipe(first: contextlib.ExitStack, second: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe whose read end `first` closes and whose write end `second` does."""
    read, write = os.pipe()
    first.callback(os.close, read)
    second.callback(os.close, write)
    return read, write


def _spec(
    argv: Sequence[str],
    cwd: str,
    env: Mapping[str, str],
    limits: TreeLimits,
    roots: Sequence[str],
) -> bytes:
    text = "\n".join((cwd, *argv, *env, *env.values()))
    if "\0" in text:
        raise SpawnError(f"{argv[0]}: embedded null byte")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise SpawnError(f"{argv[0]}: half of a surrogate pair in an argument") from error
    named = {
        "memory": limits.memory_bytes,
        "cpu": limits.cpu_s,
        "processes": limits.processes,
    }
    spec = {
        "argv": list(argv),
        "cwd": cwd,
        "roots": list(roots),
        "env": dict(env),
        "limits": {name: limit for name, limit in named.items() if limit},
    }
    return json.dumps(spec).encode()


async def _held_by(control: Control) -> Held:
    """The process of a keeper that was asked for; OSError says why there is none.

    EAGAIN if it, or its keeper, was killed: another one will do.
    """
    with contextlib.ExitStack() as ours:
        ours.callback(control.close)
        message = await control.message() or {"failed": errno.EAGAIN}
        if "failed" in message:
            raise OSError(message["failed"], os.strerror(message["failed"]))
        held = Held(control, message["held"], message["ticks"])
        if not control.silent or has_ended(held.pid, held.ticks):
            raise OSError(errno.EAGAIN, "the held process was killed")
        ours.pop_all()
    return held
