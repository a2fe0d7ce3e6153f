"""One child process: its pipes, its exit, its bounded end.

Reads and writes are plain non-blocking descriptors, so a read takes what is there, memory
is bounded by one chunk, and not reading is back-pressure to the program. The exit is known
from the process itself (pidfd on Linux) and never from the end of a pipe, which a
grandchild may hold open.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import anyio
import anyio.to_thread
import psutil

from agent_runner.process import tree

CHUNK = 1 << 18
TERM_GRACE_S = 5.0
KILL_WAIT_S = 5.0
_RESCAN_S = 0.02
_SPOOL_POLL_S = 0.005


class SpawnError(Exception):
    """The program did not start; `reason` is spawn_failed's text."""


class Child:
    """A started program in its own session. Make one with `spawn`."""

    def __init__(
        self, process: subprocess.Popen[bytes], marker: str, spool: BinaryIO | None
    ) -> None:
        assert process.stdin is not None
        assert process.stderr is not None
        output = spool or process.stdout
        assert output is not None
        self._process = process
        self._marker = marker
        self._stdin: int | None = process.stdin.fileno()
        self._spool = spool
        self._stdout = output.fileno()
        self._stderr = process.stderr.fileno()
        self._write_lock = anyio.Lock()
        self._wait_lock = anyio.Lock()
        self._ended = False
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs or was not waited for."""
        return self._process.returncode

    async def read_stdout(self) -> bytes:
        """Up to CHUNK bytes; b"" at the end of the stream.

        A file has no end that it tells of: a spooled stream ends with its process, which
        some task must `wait` for.
        """
        if self._spool is None:
            return await _read(self._stdout)
        while True:
            over = self.exit_code is not None
            if (data := os.read(self._stdout, CHUNK)) or over:
                return data
            await anyio.sleep(_SPOOL_POLL_S)

    async def read_stderr(self) -> bytes:
        """Up to CHUNK bytes of stderr; b"" at the end of the stream."""
        return await _read(self._stderr)

    async def write(self, data: bytes, *, timeout: float) -> None:
        """Write all of `data`.

        BrokenPipeError if the program is gone or closed its input; TimeoutError if it did
        not read for `timeout` seconds.
        """
        view = memoryview(data)
        async with self._write_lock:
            while view:
                if self._stdin is None:
                    raise BrokenPipeError
                try:
                    written = os.write(self._stdin, view)
                except BlockingIOError:
                    with anyio.fail_after(timeout):
                        await anyio.wait_writable(self._stdin)
                else:
                    view = view[written:]

    def close_stdin(self) -> None:
        """End its input. Harmless when done twice."""
        if self._stdin is not None:
            self._stdin = None
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    async def wait(self) -> int:
        """Wait for the process itself (not for its pipes); returns the exit code."""
        async with self._wait_lock:
            if self._process.poll() is None:
                await _wait_exit(self._process)
        code = self._process.returncode
        assert code is not None
        return code

    async def end(self, *, term_grace: float = TERM_GRACE_S) -> int | None:
        """End it and all it started: stdin EOF and TERM, then KILL until none is left.

        After its own exit this ends what it left behind. Takes at most `term_grace` +
        KILL_WAIT_S seconds. Returns the exit code, None if it could not be had. Runs to its
        end even when cancelled.
        """
        with anyio.CancelScope(shield=True):
            self.close_stdin()
            if not self._ended and (left := self._members()):
                tree.send_signal(left, signal.SIGTERM)
                with anyio.move_on_after(term_grace):
                    await self.wait()
                    while left := self._members():
                        await anyio.sleep(_RESCAN_S)
                with anyio.move_on_after(KILL_WAIT_S):
                    while left:
                        tree.send_signal(left, signal.SIGKILL)
                        await anyio.sleep(_RESCAN_S)
                        left = self._members()
            with anyio.move_on_after(KILL_WAIT_S):
                await self.wait()
                self._ended = True
        return self.exit_code

    def close(self) -> None:
        """Give the descriptors back; call it when nothing reads any more."""
        self.close_stdin()
        for stream in (self._process.stdout, self._process.stderr, self._spool):
            if stream is not None:
                stream.close()

    def signal(self, number: signal.Signals) -> None:
        """Signal the process itself."""
        self._process.send_signal(number)

    def _members(self) -> list[psutil.Process]:
        return tree.members(self.pid, self._marker)


def spawn(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    marker: str,
    spool: Path | None = None,
) -> Child:
    """Start `argv` in its own session with pipes on all three streams.

    `marker` goes into its environment so that its tree can be found. With `spool` its
    stdout is that file, which is read as it grows: for programs that leave without having
    written all they had for a pipe. SpawnError if the program cannot be started. Blocks for
    the time of a fork and exec.
    """
    if spool is None:
        return Child(_popen(argv, cwd, env, marker, subprocess.PIPE), marker, None)
    spool.touch(mode=0o600)
    with spool.open("ab") as written:
        process = _popen(argv, cwd, env, marker, written.fileno())
    return Child(process, marker, spool.open("rb", buffering=0))


def _popen(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], marker: str, stdout: int
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env={**env, tree.MARKER: marker},
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            close_fds=True,
        )
    except (OSError, ValueError) as error:
        raise SpawnError(f"{argv[0]}: {error}") from error


async def _read(descriptor: int) -> bytes:
    while True:
        try:
            return os.read(descriptor, CHUNK)
        except BlockingIOError:
            await anyio.wait_readable(descriptor)


async def _wait_exit(process: subprocess.Popen[bytes]) -> None:
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        await anyio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
        return
    try:
        while process.poll() is None:
            await anyio.wait_readable(descriptor)
    finally:
        os.close(descriptor)
