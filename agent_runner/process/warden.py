"""Starts the warden and asks it for processes. See `keeper` for what it does and why."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec

from agent_runner.process import keeper


class SpawnError(Exception):
    """The program did not start; the message says why, `errno` for the machine."""

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__(message)
        self.errno = number


class TreeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a CLI and all it starts may take together; 0 is no limit."""

    memory_bytes: int = 0
    cpu_s: int = 0
    processes: int = 0


class Ends(msgspec.Struct, frozen=True):
    """Our ends of a process's descriptors; `stdout` is None if it writes to a file."""

    control: socket.socket
    stdin: int
    stdout: int | None
    stderr: int


class Warden:
    """Owns the warden process. Made at the start of the service, before it is busy."""

    def __init__(self, umask: int = 0o022) -> None:
        self._umask = umask
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket
        self._start()

    @property
    def pid(self) -> int:
        """The warden's process id."""
        assert self._process is not None
        return self._process.pid

    async def request(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        limits: TreeLimits,
        spool: Path | None,
    ) -> Ends:
        """Have a keeper made for `argv`, whose program must be a path.

        Its first message on the control socket tells of the held process. SpawnError if no
        descriptors are left or what is asked cannot be passed to a program.
        """
        body = _spec(argv, cwd, env, limits)
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            try:
                control, far = socket.socketpair()
                ours.callback(control.close)
                theirs.callback(far.close)
                stdin_r, stdin_w = _pipe(theirs, ours)
                stderr_w, stderr_r = _pipe(ours, theirs)[::-1]
                stdout_r: int | None = None
                if spool is None:
                    stdout_w, stdout_r = _pipe(ours, theirs)[::-1]
                else:
                    stdout_w = os.open(spool, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
                    theirs.callback(os.close, stdout_w)
            except OSError as error:
                raise SpawnError(f"{argv[0]}: {error.strerror}", error.errno or 0) from error
            control.setblocking(False)
            await self._send([far.fileno(), stdin_r, stdout_w, stderr_w])
            theirs.close()
            await _send_all(control, keeper.frame(body))
            ours.pop_all()
        return Ends(control, stdin_w, stdout_r, stderr_r)

    async def _send(self, descriptors: list[int]) -> None:
        """Pass descriptors to the warden; a new one is started if it is gone."""
        for attempt in (1, 2):
            try:
                while True:
                    try:
                        keeper.send_descriptors(self._requests, descriptors)
                    except BlockingIOError:
                        await anyio.wait_writable(self._requests)
                    else:
                        return
            except (BrokenPipeError, ConnectionResetError) as error:
                if attempt == 2:
                    raise SpawnError(f"the warden does not answer: {error}") from error
                self.close()
                self._start()

    def close(self) -> None:
        """Let the warden go; the keepers it made stay until their trees are ended."""
        self._requests.close()
        if self._process is not None:
            self._process.wait()

    def _start(self) -> None:
        self._requests, far = socket.socketpair()
        self._requests.setblocking(False)
        with far:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, str(far.fileno())],
                stdin=subprocess.DEVNULL,
                env={},
                cwd="/",
                pass_fds=[far.fileno()],
                start_new_session=True,
                umask=self._umask,
            )


@asynccontextmanager
async def open_warden(umask: int = 0o022) -> AsyncIterator[Warden]:
    """A warden for as long as the block runs. CLIs get `umask`, not the service's own."""
    warden = Warden(umask)
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


def _spec(argv: Sequence[str], cwd: str, env: Mapping[str, str], limits: TreeLimits) -> bytes:
    for text in (cwd, *argv, *env, *env.values()):
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
        "env": dict(env),
        "limits": {name: limit for name, limit in named.items() if limit},
    }
    return json.dumps(spec).encode()


async def _send_all(control: socket.socket, data: bytes) -> None:
    """Send what to start. If nobody reads it, the answer on the same socket says why."""
    view = memoryview(data)
    while view:
        try:
            view = view[control.send(view) :]
        except BlockingIOError:
            await anyio.wait_writable(control)
        except (BrokenPipeError, ConnectionResetError):
            return
