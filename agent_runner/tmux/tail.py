"""Reads what is added to a transcript, whole lines only."""

from __future__ import annotations

import json
import os
from typing import Any

Entry = dict[str, Any]


class Tail:
    """A JSONL file that grows. `start` bytes of it are old; it need not exist yet."""

    def __init__(self, path: str, start: int = 0) -> None:
        self.path = path
        self._at = start
        self._part = b""

    def read(self) -> list[Entry | str]:
        """What came since: JSON objects, and as text what is none."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError:
            return []
        self._at += len(data)
        *lines, self._part = (self._part + data).split(b"\n")
        return [_entry(line) for line in lines if line.strip()]

    def changed(self) -> bool:
        """True if there is something to read."""
        try:
            return os.stat(self.path).st_size != self._at
        except OSError:
            return False


def size_of(path: str) -> int:
    """The file's size; 0 if it is not there."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _entry(line: bytes) -> Entry | str:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    return entry if isinstance(entry, dict) else line.decode("utf-8", "replace")
