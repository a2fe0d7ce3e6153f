"""Reads what is added to a transcript, whole lines only."""

from __future__ import annotations

import json
import os
from typing import Any

Entry = dict[str, Any]


class Tail:
    """A JSONL file that grows, or, with `old`, only what it does not hold yet.

    It need not exist yet. A CLI may also write the whole file anew with a line changed that
    is old (Droid does, for the title), and the file be seen empty or short meanwhile: lines are
    told apart by their number.
    """

    def __init__(self, path: str, *, old: bool = False) -> None:
        self.path = path
        self._at = 0
        self._before = 0
        self._given = 0
        self._last = b""
        self._size = 0
        if old:
            self.read()

    def read(self) -> list[Entry | str]:
        """What came since: JSON objects, and as text what is none."""
        try:
            with open(self.path, "rb") as file:
                return self._read(file)
        except OSError:
            return []

    def _read(self, file: Any) -> list[Entry | str]:
        file.seek(self._at - len(self._last))
        if file.read(len(self._last)) != self._last:
            file.seek(0)
            self._at = self._before = 0
            self._last = b""
        *lines, rest = file.read().split(b"\n")
        fresh = lines[max(0, self._given - self._before) :]
        self._at += sum(len(line) + 1 for line in lines)
        self._size = self._at + len(rest)
        self._before += len(lines)
        self._given = max(self._given, self._before)
        if lines:
            self._last = lines[-1] + b"\n"
        return [_entry(line) for line in fresh if line.strip()]

    def changed(self) -> bool:
        """True if there may be something to read."""
        try:
            return os.stat(self.path).st_size != self._size
        except OSError:
            return False


def _entry(line: bytes) -> Entry | str:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    return entry if isinstance(entry, dict) else line.decode("utf-8", "replace")
