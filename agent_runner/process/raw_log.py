"""The bytes a run's CLI printed, exactly, in files beside the database."""

from __future__ import annotations

import os
from pathlib import Path

MAX_BYTES = 256 << 20


class RawLog:
    """Appends to one file (mode 0600) up to a limit; what is over it is only counted."""

    def __init__(self, path: Path, limit: int = MAX_BYTES) -> None:
        self._limit = limit
        self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self.length = os.fstat(self._descriptor).st_size
        self.dropped = 0

    def write(self, data: bytes) -> bool:
        """Keep `data`; False if any of it was over the limit."""
        room = max(0, self._limit - self.length)
        kept = data[:room] if len(data) > room else data
        view = memoryview(kept)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.length += len(kept)
        self.dropped += len(data) - len(kept)
        return len(kept) == len(data)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)
