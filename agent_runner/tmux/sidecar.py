"""Reads some fields of a JSON file that a CLI keeps beside its transcript and writes anew."""

from __future__ import annotations

import json
import os
from typing import Any


class Sidecar:
    """The file whose name ends in `suffix` where the transcript's ends in its extension."""

    def __init__(self, transcript: str, suffix: str, fields: tuple[str, ...]) -> None:
        self._path = os.path.splitext(transcript)[0] + suffix
        self._fields = fields
        self._stamp = (0, 0, 0)
        self._told: dict[str, Any] = {}

    def read(self) -> dict[str, Any] | None:
        """The fields that are there, if they are not what was read before."""
        try:
            stat = os.stat(self._path)
            stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if stamp == self._stamp:
                return None
            with open(self._path, encoding="utf-8", errors="replace") as file:
                whole = json.load(file, strict=False)
            found = {name: whole[name] for name in self._fields if name in whole}
        except (OSError, ValueError, TypeError):
            return None
        self._stamp = stamp
        if found == self._told:
            return None
        self._told = found
        return found
