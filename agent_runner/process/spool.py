"""The file that a program has as its stdout, read as it grows."""

from __future__ import annotations

import os

_REMEMBERED = 64
"""Bytes before the present place that show that the file is still the one that was read."""

MASK = ord("*")
"""What of the file was masked since it was read is this."""


class Spool:
    """Reads by a descriptor: what becomes of the file's name does not matter.

    The program appends. A file that somebody has emptied meanwhile (a log rotator that copies and
    truncates) is read on from its beginning, and `cuts` counts that: what was not read is lost.
    """

    def __init__(self, descriptor: int) -> None:
        self.cuts = 0
        self._descriptor = descriptor
        self._at = os.lseek(descriptor, 0, os.SEEK_CUR)
        self._last = b""

    def read(self, most: int) -> bytes:
        """What is there now; b"" if that was read."""
        if self._is_cut():
            self.cuts += 1
            self._at, self._last = 0, b""
        data = os.pread(self._descriptor, most, self._at)
        if data:
            self._at += len(data)
            self._last = (self._last + data)[-_REMEMBERED:]
        return data

    def _is_cut(self) -> bool:
        size = os.fstat(self._descriptor).st_size
        if size <= self._at:
            return size < self._at
        before = os.pread(self._descriptor, len(self._last), self._at - len(self._last))
        pairs = zip(before, self._last, strict=False)
        return any(now not in (then, MASK) for now, then in pairs)
