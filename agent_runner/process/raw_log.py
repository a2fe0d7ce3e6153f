"""The bytes a run's CLI printed, exactly, in files beside the database."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class RawLog:
    """Appends to one file (mode 0600) up to a limit; what is over it is only counted.

    The file is made by `open`, or with the first byte: most programs print nothing on stderr.
    `before` is what it held then.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._descriptor: int | None = None
        self._length = 0
        self.before = 0

    def open(self) -> None:
        """Make the file now; a disk that does not let it be made is told of by `write`."""
        with suppress(OSError):
            self._opened()

    def write(self, data: bytes) -> bool:
        """Keep `data`; False if any of it was over the limit.

        A disk that takes no more is a limit too: the log then ends there, without a hole.
        """
        view = memoryview(data)[: max(0, self._limit - self._length)]
        kept = len(view)
        try:
            descriptor = self._opened()
            while view:
                written = os.write(descriptor, view)
                self._length += written
                view = view[written:]
        except OSError:
            self._limit = self._length
            return False
        return kept == len(data)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            self.before = os.lseek(self._descriptor, 0, os.SEEK_END)
        return self._descriptor


class Spooled:
    """The log that a program writes by itself: what is found to be secret is masked in it.

    It stays the program's file, whatever becomes of its name.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        with suppress(OSError):  # then nothing can be masked, nor has the program a file
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def size(self) -> int:
        """How long it is now."""
        return 0 if self._descriptor is None else os.fstat(self._descriptor).st_size

    def overwrite(self, offset: int, data: bytes) -> None:
        """Put `data` in the place of as many bytes; those that are there no more stay away."""
        if self._descriptor is not None and (data := data[: max(0, self.size - offset)]):
            with suppress(OSError):
                os.pwrite(self._descriptor, data, offset)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def overwrite(path: Path, offset: int, data: bytes) -> None:
    """Put `data` in the place of as many bytes at `offset` of a log that another writes."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, data, offset)
    finally:
        os.close(descriptor)
