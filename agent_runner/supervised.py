"""Gives any command heartbeats without changing it. Standard library only, to start quickly.

    python -m agent_runner.supervised [--every SECONDS] -- COMMAND [ARGUMENT...]
    agent-runner wrap [--every SECONDS] -- COMMAND [ARGUMENT...]

stdin and stdout are the command's own. Its stderr passes through, a whole line at a time, and a
heartbeat line comes between two lines at the start and every N seconds as long as the command
lives. Signals are handed on; the exit is the command's, also one by a signal.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

from agent_runner.emitter import HEARTBEAT, LINE_BYTES, asked_interval_s

_OF_A_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
HANDED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, *_OF_A_TERMINAL)
NOT_FOUND, NOT_STARTED, USAGE = 127, 126, 2

REST_BYTES = 1 << 20
"""Read at most of stderr once the command is gone: no pipe holds more, and what it left running
may write for ever."""


def run(command: Sequence[str], every_s: float) -> int:
    """Run `command` to its end, with a heartbeat every `every_s` seconds; its exit code.

    127 and 126, as shells have it, if it cannot be found or started. Does not return if the
    command ended by a signal.
    """
    wake_r, wake_w = os.pipe()
    os.set_blocking(wake_w, False)
    signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    wrapped = _Wrapped()
    for number in HANDED_ON:
        if signal.getsignal(number) is not signal.SIG_IGN:  # the command is to ignore it too
            signal.signal(number, wrapped.hand_on)
    try:
        wrapped.start(command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror or error}\n")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED
    wrapped.pump(wake_r, every_s)
    return wrapped.code()


class _Wrapped:
    """The command, its stderr, and the part of a line that is not passed on yet."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._partial = bytearray()
        self._mid_line = False

    def start(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(list(command), stderr=subprocess.PIPE, bufsize=0)
        for number in self._early:
            self._process.send_signal(number)

    def hand_on(self, number: int, _frame: FrameType | None) -> None:
        """A terminal gives its own signals to the command as well."""
        if number in _OF_A_TERMINAL and _in_front():
            return
        if self._process is None:
            self._early.append(number)
        else:
            self._process.send_signal(number)

    def pump(self, wake: int, every_s: float) -> None:
        """Pass stderr on and send heartbeats until the command is gone."""
        assert self._process is not None
        assert self._process.stderr is not None
        source = self._process.stderr
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(source, select.POLLIN)
        is_open = self._write(HEARTBEAT.encode())
        due = time.monotonic() + every_s
        while self._process.poll() is None:
            if time.monotonic() >= due and not self._mid_line:
                is_open = self._write(HEARTBEAT.encode()) and is_open
                due = time.monotonic() + every_s
            left = every_s if self._mid_line else max(0.0, due - time.monotonic())
            for descriptor, _ in poll.poll(left * 1000):
                if descriptor == wake:
                    os.read(wake, 4096)
                elif is_open and not self._pass_on(os.read(descriptor, LINE_BYTES)):
                    is_open = False
            if not is_open and not source.closed:
                poll.unregister(source)
                source.close()  # the command gets the SIGPIPE it would have got without us
                self._end_line()
        left_bytes = REST_BYTES
        while is_open and left_bytes > 0 and select.select([source], [], [], 0)[0]:
            data = os.read(source.fileno(), LINE_BYTES)
            left_bytes -= len(data)
            is_open = self._pass_on(data)
        self._write(bytes(self._partial))

    def code(self) -> int:
        """The exit code; a signal that ended the command ends this process too."""
        assert self._process is not None
        code = self._process.wait()
        if code >= 0:
            return code
        with suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
        return 128 - code

    def _pass_on(self, data: bytes) -> bool:
        """Whole lines at once, the rest with its end or once it is too long for an event; False
        at the end of either side."""
        self._partial += data
        end = self._partial.rfind(b"\n") + 1
        if len(self._partial) - end >= LINE_BYTES or (self._mid_line and not end):
            end = len(self._partial)
        whole = bytes(self._partial[:end])
        del self._partial[:end]
        if whole:
            self._mid_line = not whole.endswith(b"\n")
        return bool(data) and self._write(whole)

    def _end_line(self) -> None:
        """A line that was passed on without its end will get none: heartbeats may go on."""
        if self._mid_line:
            self._write(b"\n")
            self._mid_line = False

    def _write(self, data: bytes) -> bool:
        """False if nobody can read it."""
        try:
            while data:
                data = data[os.write(2, data) :]
        except OSError:
            return False
        return True


def _in_front() -> bool:
    """True if this process group has the terminal, whose keys then reach all of the group."""
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            return os.tcgetpgrp(descriptor) == os.getpgrp()
    return False


def main(arguments: Sequence[str]) -> int:
    """The command line that the module describes; 2 if it is not that."""
    words = list(arguments)
    every_s = asked_interval_s()
    try:
        if words[:1] == ["--every"]:
            every_s = float(words[1])
            del words[:2]
        if words[:1] == ["--"]:
            del words[0]
        if not words or words[0].startswith("-") or not 0 < every_s < float("inf"):
            raise ValueError
    except (IndexError, ValueError):
        sys.stderr.write("usage: [--every SECONDS] -- COMMAND [ARGUMENT...]\n")
        return USAGE
    return run(words, every_s)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
