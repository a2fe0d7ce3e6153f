"""The service holds on to little memory that it does not use."""

from __future__ import annotations

import itertools
import platform
from pathlib import Path

import pytest

from tests.conftest import Service

ARENA_BYTES = 64 << 20  # glibc reserves so much for each arena but the first


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone has arenas")
def test_all_threads_share_one_arena(service: Service) -> None:
    for _ in range(3):
        assert service.run([{"tool": "Bash", "output": "x" * 100_000}]).json()["success"]
    assert len(list(Path(f"/proc/{service.process.pid}/task").iterdir())) > 4
    assert arenas(service.process.pid) == []


def arenas(pid: int) -> list[str]:
    """Where a process's arenas begin, but for the first: a used part, then what is reserved."""
    found = []
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    for used, reserved in itertools.pairwise(line.split() for line in lines):
        (begin, until), (after, end) = used[0].split("-"), reserved[0].split("-")
        size = int(end, 16) - int(begin, 16)
        if until == after and reserved[1] == "---p" and size == ARENA_BYTES:
            found.append(begin)
    return found
