"""Finds and signals everything that a process started, wherever it has hidden.

A CLI's shell tool runs in its own session, so its process group is not enough. Two nets:
the descendants by parent, and on Linux every process whose environment holds our marker,
which also catches a double fork that was adopted by init.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil

MARKER = "AGENT_RUNNER_PROCESS"

_PROC = Path("/proc")


def members(pid: int, marker: str) -> list[psutil.Process]:
    """The process `pid` if it lives, its descendants, and all that carry `marker`."""
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        found[pid] = root
        for child in root.children(recursive=True):
            found[child.pid] = child
    for marked in _marked(marker):
        if marked not in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                found[marked] = psutil.Process(marked)
    return [process for process in found.values() if _lives(process)]


def send_signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Signal each process; psutil refuses a pid that was given to another since."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.send_signal(number)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _marked(marker: str) -> list[int]:
    if not _PROC.joinpath("self").exists():
        return []
    needle = f"{MARKER}={marker}\0".encode()
    own = os.getpid()
    found = []
    for name in os.listdir(_PROC):
        if name.isdigit() and int(name) != own:
            with contextlib.suppress(OSError):
                if needle in _PROC.joinpath(name, "environ").read_bytes():
                    found.append(int(name))
    return found
