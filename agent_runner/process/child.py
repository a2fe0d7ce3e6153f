"""One CLI process: its pipes, its exit, its bounded end, by way of its keeper.

Reads and writes are plain non-blocking descriptors, so a read takes what is there, memory
is bounded by one chunk, and not reading is back-pressure to the program. Its exit is told
by the keeper and never by the end of a pipe, which a grandchild may hold open.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio

from agent_runner.latch import Latch
from agent_runner.process import tree
from agent_runner.process.identity import MARKER, ProcessIdentity, boot_id
from agent_runner.process.readable import Readable
from agent_runner.process.spool import Spool
from agent_runner.process.warden import Ends, SpawnError, TreeLimits, Warden

CHUNK = 1 << 18
TERM_GRACE_S = 5.0
KILL_WAIT_S = 5.0
FORK_ATTEMPTS = 4
FORK_PAUSE_S = 0.1
_SPOOL_POLL_S = 0.005

Notice = Callable[[dict[str, Any]], None]
Buffer = bytes | memoryview


class Child:
    """A program in its own session, held until `go`. Make one with `spawn`."""

    def __init__(
        self, ends: Ends, program: str, cwd: str, process_id: str, spool: int | None
    ) -> None:
        output = ends.stdout if spool is None else spool
        assert output is not None
        self.identity = ProcessIdentity(
            process_id=process_id,
            pid=ends.held.pid,
            start_ticks=ends.held.ticks,
            boot_id=boot_id(),
        )
        self.oom_killed = False
        self._names = {"program": program, "cwd": f"cwd {cwd}", "roots": f"cwd {cwd}"}
        self.on_notice: Notice | None = None
        self._control = ends.held.control
        self._give_back = ends.give_back
        self._heard: Latch | None = None
        self._stdin: int | None = ends.stdin
        self._spool = None if spool is None else Spool(spool)
        self._stdout = output
        self._stderr = ends.stderr
        self._stdout_ready, self._stderr_ready = Readable(output), Readable(ends.stderr)
        self._write_lock = anyio.Lock(fast_acquire=True)
        self._exit_code: int | None = None
        self._failure: dict[str, Any] | None = None
        self._began = False
        self._exited = False
        self._empty = False
        self._closed = False
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)

    @property
    def pid(self) -> int:
        """The CLI's process id."""
        return self.identity.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._exit_code

    @property
    def cuts(self) -> int:
        """How often the file that is its stdout was emptied by somebody else."""
        return 0 if self._spool is None else self._spool.cuts

    @property
    def empty(self) -> bool:
        """True when neither it nor anything that it started is left."""
        return self._empty

    # --- starting ---------------------------------------------------------------------------

    async def go(self) -> None:
        """Let the process become the program; SpawnError if that cannot be started."""
        self._command(b"g")
        while not self._began and not self._exited:
            await self._receive()
        if not self._began:
            # Its keeper was killed before it could say more: another one will do.
            raise self._error(self._failure or {"failed": errno.EAGAIN})

    def _error(self, message: dict[str, Any]) -> SpawnError:
        number = message["failed"]
        what = message.get("what", "start")
        name = self._names.get(what, self._names["program"])
        return SpawnError(f"{name}: {os.strerror(number)}", number, what)

    # --- its streams ------------------------------------------------------------------------

    async def read_stdout(self) -> bytes:
        """Up to CHUNK bytes; b"" at the end of the stream.

        A file has no end that it tells of: a spooled stream ends with its process, which
        some task must `wait` for.
        """
        if self._spool is None:
            return await _read(self._stdout, self._stdout_ready)
        while True:
            over = self._exited
            if (data := self._spool.read(CHUNK)) or over:
                return data
            await anyio.sleep(_SPOOL_POLL_S)

    async def read_stderr(self) -> bytes:
        """Up to CHUNK bytes of stderr; b"" at the end of the stream."""
        return await _read(self._stderr, self._stderr_ready)

    async def write(self, data: Buffer, *, timeout: float) -> None:
        """Write all of `data`.

        BrokenPipeError if the program is gone or closed its input; TimeoutError if it did
        not read for `timeout` seconds.
        """
        view = memoryview(data)
        async with self._write_lock:
            while view:
                written = self.write_some(view)
                if not written:
                    await self._until_writable(timeout)
                view = view[written:]

    def write_some(self, data: Buffer) -> int:
        """Write what of `data` there is room for; how many bytes. BrokenPipeError as above."""
        if self._stdin is None:
            raise BrokenPipeError
        try:
            return os.write(self._stdin, data)
        except BlockingIOError:
            return 0

    async def _until_writable(self, timeout: float) -> None:
        assert self._stdin is not None
        try:
            with anyio.fail_after(timeout):
                await anyio.wait_writable(self._stdin)
        except anyio.ClosedResourceError:
            raise BrokenPipeError from None

    def close_stdin(self) -> None:
        """End its input. Harmless when done twice."""
        if self._stdin is not None:
            # Who waits for it must leave first: the next one to be opened gets its number.
            anyio.notify_closing(self._stdin)
            os.close(self._stdin)
            self._stdin = None

    # --- its end ----------------------------------------------------------------------------

    async def wait(self) -> int:
        """Wait for the process itself (not for its pipes); returns the exit code."""
        while not self._exited:
            await self._receive()
        assert self._exit_code is not None
        return self._exit_code

    async def end(self, *, eof_grace: float = 0.0, term_grace: float = TERM_GRACE_S) -> int | None:
        """End it and all it started: stdin EOF, TERM, then KILL until none is left.

        After its own exit this ends what it left behind. Takes at most `eof_grace` +
        `term_grace` + KILL_WAIT_S seconds; `empty` then says whether all of it is gone.
        Returns the exit code, None if it could not be had. Runs to its end even when
        cancelled.
        """
        if self._closed:
            return self._exit_code
        self.close_stdin()
        if self._empty:
            return self._exit_code
        with anyio.CancelScope(shield=True):
            if eof_grace:
                with anyio.move_on_after(eof_grace):
                    await self._until_empty()
            if not self._empty:
                self._command(b"t")
                with anyio.move_on_after(term_grace):
                    await self._until_empty()
            if not self._empty:
                self._command(b"k")
                with anyio.move_on_after(KILL_WAIT_S):
                    await self._until_empty()
        return self._exit_code

    def sweep(self, since: int) -> None:
        """Kill what the program has started since the tick `since`, not the program."""
        self._command(b"c" + since.to_bytes(8, "big"))

    def signal(self, number: signal.Signals) -> None:
        """Signal the process itself."""
        self._command(b"s" + bytes([number]))

    def close(self) -> None:
        """Give the descriptors back; call it when nothing reads any more.

        With them goes the lifeline: what is left of the tree is ended by its keeper.
        """
        if not self._closed:
            self._closed = True
            self.close_stdin()
            if self._empty and self._heard is None:
                self._give_back()
            else:
                self._control.close()
            self._stdout_ready.close()
            self._stderr_ready.close()
            os.close(self._stdout)
            os.close(self._stderr)

    # --- the keeper -------------------------------------------------------------------------

    def _command(self, command: bytes) -> None:
        """Once this is closed, the keeper may keep another process."""
        if not self._closed:
            self._control.command(command)

    async def _until_empty(self) -> None:
        while not self._empty:
            await self._receive()

    async def _receive(self) -> None:
        """Take what the keeper says next. Whoever waits for something reads for all."""
        if self._heard is not None:
            await self._heard.wait()
            return
        self._heard = heard = Latch()
        try:
            message = await self._control.message()
            if message is not None:
                self._take(message)
                return
            # The keeper was killed. The warden ends what it left; here it is only proved.
            self._empty = await tree.end(self.identity)
            self._exit_code = -signal.SIGKILL if self._exit_code is None else self._exit_code
            self._exited = True
        finally:
            self._heard = None
            heard.set()

    def _take(self, message: dict[str, Any]) -> None:
        if "exit" in message:
            self._exit_code, self.oom_killed = message["exit"], message["oom"]
            self._exited = True
        elif "empty" in message:
            self._empty = True
        elif "started" in message:
            self._began = True
        elif "failed" in message:
            self._failure = message
        elif self.on_notice is not None:
            self.on_notice(message)


async def spawn(
    warden: Warden,
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    process_id: str,
    limits: TreeLimits | None = None,
    spool: Path | None = None,
    roots: Sequence[str] = (),
) -> Child:
    """A process held before `argv`, in its own session with pipes on all three streams.

    `process_id` goes into its environment as its mark. With `spool` its stdout is that
    file, which is read as it grows: for programs that leave without having written all they
    had for a pipe. With `roots` it starts only where one of these folders holds its cwd, as it
    is then and not as it was looked up. SpawnError if it cannot be made; a machine that is out
    of processes for a moment is asked again.
    """
    marked = {**env, MARKER: process_id}
    limits = limits or TreeLimits()
    output = None if spool is None else _end_of(spool)
    try:
        for attempt in range(1, FORK_ATTEMPTS + 1):
            try:
                ends = await warden.request(
                    argv, cwd=cwd, env=marked, limits=limits, spool=spool, roots=roots
                )
            except SpawnError as error:
                if error.errno != errno.EAGAIN or attempt == FORK_ATTEMPTS:
                    raise
                await anyio.sleep(FORK_PAUSE_S * attempt)
            else:
                return Child(ends, argv[0], cwd, process_id, output)
        raise AssertionError("unreachable")
    except BaseException:
        if output is not None:
            os.close(output)
        raise


def _end_of(spool: Path) -> int:
    """The file opened for what is written from now on; an earlier process may have written."""
    try:
        descriptor = os.open(spool, os.O_RDONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise SpawnError(f"{spool}: {error.strerror}", error.errno or 0) from error
    os.lseek(descriptor, 0, os.SEEK_END)
    return descriptor


async def _read(descriptor: int, ready: Readable) -> bytes:
    while True:
        try:
            return os.read(descriptor, CHUNK)
        except BlockingIOError:
            await ready.wait()
