"""Names one process for ever: pid, start ticks, boot id, and our mark in its environment.

A pid alone is given to another process some day; a signal goes only to a process that is
proved to be the recorded one.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from pathlib import Path

import msgspec

from agent_runner.process.proc import start_ticks, stat_fields

MARKER = "AGENT_RUNNER_PROCESS"
_MARK = f"{MARKER}=".encode()

_PROC = Path("/proc")
_ENDED = ("Z", "X")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"


class ProcessIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A process as recorded. `start_ticks` is field 22 of /proc/PID/stat, None elsewhere."""

    process_id: str
    pid: int
    start_ticks: int | None
    boot_id: str


@functools.cache
def boot_id() -> str:
    """This boot of this machine; "" where the system does not tell."""
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_text("ascii").strip()
    return ""


def has_ended(pid: int, started: int | None) -> bool:
    """True if the process is proved to run no more, whether its end has been waited for or not.

    `started` are its start ticks: without them nothing is proved.
    """
    if started is None:
        return False
    try:
        fields = stat_fields(pid)
        return int(fields[19]) != started or fields[0] in _ENDED
    except (OSError, IndexError, ValueError):
        return True


def ticks_now() -> int:
    """The present moment on the scale of `start_ticks`: 10 ms or so each."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return int(time.clock_gettime(clock) * os.sysconf("SC_CLK_TCK"))


def mark_of(pid: int) -> str | None:
    """The process id in our mark in the environment of `pid`; None if it has none."""
    with contextlib.suppress(OSError):
        for entry in _PROC.joinpath(str(pid), "environ").read_bytes().split(b"\0"):
            if entry.startswith(_MARK):
                return entry.removeprefix(_MARK).decode("utf-8", "replace")
    return None


def is_same(recorded: ProcessIdentity) -> bool:
    """True if the recorded process still lives and is proved to be that one."""
    return (
        recorded.start_ticks is not None
        and recorded.boot_id == boot_id()
        and start_ticks(recorded.pid) == recorded.start_ticks
        and mark_of(recorded.pid) == recorded.process_id
    )
