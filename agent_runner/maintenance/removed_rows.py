"""What a repair removes or changes, kept where people find it: `repairs/<time>.jsonl`."""

from __future__ import annotations

import base64
import os
from io import FileIO
from pathlib import Path
from typing import Any

from agent_runner import wire


class RemovedRows:
    """One repair's file, made with the first thing it keeps (mode 0600)."""

    def __init__(self, folder: Path, stamp: str) -> None:
        self._folder = folder
        self._stamp = stamp
        self._file: FileIO | None = None
        self.path: Path | None = None

    def keep(self, thing: dict[str, Any]) -> None:
        """Write `thing` down as a line of JSON; bytes as text, or as `{"base64": …}`."""
        if self._file is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self.path = self._folder / f"{self._stamp}.jsonl"
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
            self._file = FileIO(os.open(self.path, flags, 0o600), "w")
        line = memoryview(wire.encode(_plain(thing)) + b"\n")
        while line:
            line = line[self._file.write(line) :]

    def sync(self) -> None:
        """Have what was kept on the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def keep_file(self, path: Path) -> Path:
        """Move a file to a folder beside; returns its new place."""
        folder = self._folder / f"{self._stamp}.files"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.keep({"action": "move", "file": str(path), "to": str(folder / path.name)})
        self.sync()
        return path.rename(folder / path.name)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._file is not None:
            self._file.close()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    return value
