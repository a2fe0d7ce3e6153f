"""One CLI process under record: its pipes drained at all times, its whole tree ended."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Literal, NamedTuple

import psutil

from agent_runner.recorder.isolation import MARKER


class Line(NamedTuple):
    """A line of output without its newline; the last one of a stream may have had none."""

    stream: Literal["stdout", "stderr"]
    data: bytes


class Child:
    """A process whose output is read by threads, so that it never waits for the reader.

    With `stdout_file` the process writes there, and its lines come once it has ended.
    """

    def __init__(
        self, argv: list[str], env: dict[str, str], cwd: Path, stdout_file: Path | None = None
    ) -> None:
        self._marker = env[MARKER]
        with contextlib.ExitStack() as opened:
            out = opened.enter_context(stdout_file.open("xb")) if stdout_file else subprocess.PIPE
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env=env,
                start_new_session=True,
            )
        self._stdout_file = stdout_file
        self.stdin, self.stdout, self.stderr = bytearray(), bytearray(), bytearray()
        self._lines: queue.SimpleQueue[Line] = queue.SimpleQueue()
        self._to_send: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True)
            for name in ("stdout", "stderr")
        ]
        self._threads = [*self._readers, threading.Thread(target=self._write, daemon=True)]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The process id of the CLI itself."""
        return self._process.pid

    def send(self, data: bytes) -> None:
        """Queue bytes for stdin; dropped if the CLI has closed it."""
        if data:
            self._to_send.put(data)

    def close_stdin(self) -> None:
        """Close stdin once everything queued is written."""
        self._to_send.put(None)

    def signal(self, number: int) -> None:
        """Send a signal to the CLI itself, not to its tree."""
        self._process.send_signal(number)

    def next_line(self, timeout: float) -> Line | None:
        """The next line of output, or None if none came within `timeout` seconds."""
        try:
            return self._lines.get(timeout=timeout)
        except queue.Empty:
            return None

    def finished(self) -> bool:
        """True once the process has exited, its pipes are at their end and every line is out.

        A tool that outlives the CLI may hold the pipes: after the exit, five seconds are
        enough for what the CLI itself wrote.
        """
        if self._process.poll() is None:
            return False
        deadline = time.monotonic() + 5
        for thread in self._readers:
            thread.join(max(0.0, deadline - time.monotonic()))
        return self._lines.empty()

    @property
    def exit_code(self) -> int | None:
        """The exit code (negative for a signal), or None while it runs."""
        return self._process.returncode

    def has_descendant(self, text: str) -> bool:
        """True if some process it started has `text` in its command line."""
        return any(text in command for command in self._commands())

    def end(self) -> list[str]:
        """Kill whatever of its tree is still alive; returns their command lines."""
        left = []
        while found := [p for p in self._family() if p.status() != psutil.STATUS_ZOMBIE]:
            for process in found:
                with contextlib.suppress(psutil.Error):
                    if process.pid != self.pid:
                        left.append(" ".join(process.cmdline()))
                    process.kill()
            psutil.wait_procs(found, timeout=5)
        self._process.wait(timeout=10)
        self._to_send.put(None)
        for thread in self._threads:
            thread.join(timeout=5)
        return sorted(set(left))

    def _commands(self) -> list[str]:
        commands = []
        for process in self._family():
            if process.pid != self.pid:
                with contextlib.suppress(psutil.Error):
                    commands.append(" ".join(process.cmdline()))
        return commands

    def _family(self) -> list[psutil.Process]:
        """Every process of this case: by parentage, and by the marker they inherited."""
        found: dict[int, psutil.Process] = {}
        with contextlib.suppress(psutil.Error):
            own = psutil.Process(self.pid)
            found = {p.pid: p for p in (own, *own.children(recursive=True))}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARKER) == self._marker:
                    found[process.pid] = process
        return [p for p in found.values() if p.is_running()]

    def _read(self, name: Literal["stdout", "stderr"]) -> None:
        pipe: IO[bytes] | None = self._process.stderr
        whole = self.stderr
        if name == "stdout":
            pipe, whole = self._process.stdout, self.stdout
            if self._stdout_file:
                self._process.wait()
                pipe = self._stdout_file.open("rb")
        assert pipe is not None
        pending: list[bytes] = []
        with pipe:
            while data := os.read(pipe.fileno(), 1 << 20):
                whole += data
                *complete, rest = data.split(b"\n")
                for part in complete:
                    self._lines.put(Line(name, b"".join([*pending, part])))
                    pending = []
                if rest:
                    pending.append(rest)
        if pending:
            self._lines.put(Line(name, b"".join(pending)))

    def _write(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError):
            while (data := self._to_send.get()) is not None:
                pipe.write(data)
                pipe.flush()
                self.stdin += data
        with contextlib.suppress(OSError):
            pipe.close()
