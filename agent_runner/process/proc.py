"""What /proc says of processes, where there is one.

Standard library only: a keeper starts without site packages.
"""

import contextlib
import os

PROC_TELLS = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
_TICK = os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The direct children of all threads of `pid`; empty where /proc does not tell."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, zombies too."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children(waiting.pop())
        found += below
        waiting += below
    return found


def stat_fields(pid: int) -> list[str]:
    """/proc/PID/stat from field 3 (state) on."""
    descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    try:
        return os.read(descriptor, 4096).rpartition(b")")[2].decode().split()
    finally:
        os.close(descriptor)


def start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat: with the pid and the boot id it names one process for ever."""
    try:
        return int(stat_fields(pid)[19])
    except (OSError, IndexError, ValueError):
        return None


def memory_bytes(pid: int) -> int:
    """Anonymous and shared memory; mapped program files are nobody's fault."""
    anonymous = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith(("RssAnon:", "RssShmem:")):
                anonymous += int(line.split()[1]) << 10
    return anonymous


def cpu_seconds(pid: int) -> float:
    """Its own time and that of its children that it has waited for."""
    try:
        return sum(map(int, stat_fields(pid)[11:15])) / _TICK
    except (OSError, ValueError):
        return 0.0


def oom_kills() -> int:
    """How many processes the kernel has killed for memory since boot."""
    with contextlib.suppress(OSError, ValueError), open("/proc/vmstat") as file:
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
