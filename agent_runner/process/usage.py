"""What process trees take of the machine, by one look at all processes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import psutil


class Usage(msgspec.Struct):
    """Of one process and all below it. Memory is resident, mapped program files included."""

    processes: int = 0
    memory_bytes: int = 0
    cpu_s: float = 0.0


def of_trees(roots: Sequence[int]) -> dict[int, Usage]:
    """Usage by root pid; a root that is gone has none. Reads all of /proc: some milliseconds."""
    found: dict[int, psutil.Process] = {}
    below: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid", "memory_info", "cpu_times"]):
        found[process.pid] = process
        below.setdefault(process.info["ppid"] or 0, []).append(process.pid)
    return {root: _tree(root, found, below) for root in roots if root in found}


def _tree(root: int, found: dict[int, psutil.Process], below: dict[int, list[int]]) -> Usage:
    usage = Usage()
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        waiting += below.get(pid, [])
        info = found[pid].info
        usage.processes += 1
        if info["memory_info"] is not None:
            usage.memory_bytes += info["memory_info"].rss
        if info["cpu_times"] is not None:
            usage.cpu_s += info["cpu_times"].user + info["cpu_times"].system
    usage.cpu_s = round(usage.cpu_s, 2)
    return usage
