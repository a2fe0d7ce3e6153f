"""Disk space kept for the moment when there is none.

On a full disk even a DELETE or a checkpoint needs room first. The reserve is given up
then, and made anew when there is space; as long as it is missing the disk counts as full.
"""

from __future__ import annotations

import os
from pathlib import Path

RESERVE_BYTES = 8 << 20
_BLOCK = 512
_CHUNK = 1 << 20


class Reserve:
    """One file whose blocks are allocated. Its methods touch the disk: not on the event loop."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size = size

    def make(self) -> bool:
        """Have the reserve; False if there is no room for it."""
        if self._free() < self._size - self._held():
            return False  # even a try in vain would take others their last room for a moment
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
        except OSError:
            return False
        try:
            if self._held() < self._size:
                _allocate(descriptor, self._size)
        except OSError:
            self.release()
            return False
        finally:
            os.close(descriptor)
        return True

    def release(self) -> bool:
        """Give the room up; False if there was none to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def room_for_events(self) -> bool:
        """True until a quarter of what was given up is used.

        It takes twice its size, in the log and in the database. The other half is for
        deletes and for the ends of runs.
        """
        return self._free() > self._size * 3 // 4

    def _held(self) -> int:
        try:
            return self._path.stat().st_blocks * _BLOCK
        except OSError:
            return 0

    def _free(self) -> int:
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize


def _allocate(descriptor: int, size: int) -> None:
    """Have the file's blocks; where the system has no call for that (macOS), by writing them."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    left = size
    while left > 0:
        left -= os.write(descriptor, bytes(min(left, _CHUNK)))
