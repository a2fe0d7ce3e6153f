"""Ends what is left of a recorded process when its keeper is gone too.

A process is ours if it is proved to be the recorded one, stands below it, or carries its
mark in the environment. What cannot be proved is never signalled.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import anyio
import anyio.to_thread
import psutil

from agent_runner.process.identity import ProcessIdentity, is_same, mark_of

END_TIMEOUT_S = 5.0
_RESCAN_S = 0.02


def members(recorded: ProcessIdentity) -> list[psutil.Process]:
    """The living processes of the recorded one's tree. Reads all of /proc: some milliseconds."""
    found: dict[int, psutil.Process] = {}
    if is_same(recorded):
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(recorded.pid)
            found = {process.pid: process for process in (root, *root.children(recursive=True))}
    for pid in _pids():
        if pid not in found and mark_of(pid) == recorded.process_id:
            with contextlib.suppress(psutil.NoSuchProcess):
                found[pid] = psutil.Process(pid)
    return [process for process in found.values() if _lives(process)]


def living(recorded: Iterable[ProcessIdentity]) -> set[str]:
    """The process ids of those of which anything lives. Reads /proc once for all."""
    marks = {mark for pid in _pids() if (mark := mark_of(pid)) is not None}
    return {one.process_id for one in recorded if one.process_id in marks or is_same(one)}


async def end(recorded: ProcessIdentity, timeout: float = END_TIMEOUT_S) -> bool:
    """Kill the tree until none of it is left; False if some is after `timeout` seconds."""
    with anyio.move_on_after(timeout):
        while left := await anyio.to_thread.run_sync(members, recorded):
            for process in left:
                # psutil refuses a pid that was given to another process since.
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    process.kill()
            await anyio.sleep(_RESCAN_S)
        return True
    return False


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _pids() -> list[int]:
    own = os.getpid()
    if not Path("/proc/self").exists():
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own]
