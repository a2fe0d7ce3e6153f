"""Starts of a program as after a boot: its files taken out of the kernel's page cache.

What the disk keeps by itself, or the host of a virtual machine, is beyond our reach.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)


class ProgramFiles:
    """The regular files of a program."""

    def __init__(self, *roots: Path) -> None:
        found = (path for root in roots for path in (root, *root.rglob("*")))
        files = {path.resolve() for path in found if path.is_file()}
        self._sizes = {path: path.stat().st_size for path in files}

    def drop(self) -> float:
        """Have the kernel forget them; the share of them that it keeps, 0 to 1.

        Pages that a process has mapped stay, so nothing may run from these files; and a
        filesystem may not listen.
        """
        for path in self._sizes:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
        return self.cached()

    def cached(self) -> float:
        """The share of them that is in the page cache, 0 to 1."""
        held = sum(_pages_held(path, size) for path, size in self._sizes.items() if size)
        return held * mmap.PAGESIZE / max(1, sum(self._sizes.values()))


def _pages_held(path: Path, size: int) -> int:
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY) as mapped:
        pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
        start = ctypes.c_char.from_buffer(mapped)
        failed = _libc.mincore(ctypes.byref(start), ctypes.c_size_t(size), pages)
        del start
        if failed:
            raise OSError(ctypes.get_errno(), "mincore")
        return sum(page & 1 for page in pages)
