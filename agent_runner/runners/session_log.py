"""The file in which a CLI keeps its session: found, looked at by its size, read from a place on."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

MOST_BYTES = 64 << 20
"""Of what is new in a file; of more, the beginning is passed over."""


class Seen(NamedTuple):
    """Which file it is, and how many bytes it has."""

    inode: int
    size: int


def find(patterns: Iterable[str]) -> Path | None:
    """The file that `patterns` name; of several the one that holds most."""
    found = [(seen.size, name) for name in _named(patterns) if (seen := look(Path(name)))]
    return Path(max(found)[1]) if found else None


def _named(patterns: Iterable[str]) -> list[str]:
    return [name for pattern in patterns for name in glob.glob(pattern)]


def look(file: Path) -> Seen | None:
    """One look at the file; None if it is not there."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return Seen(found.st_ino, found.st_size)


def lines_from(file: Path, start: int) -> tuple[list[bytes], int]:
    """The whole lines from byte `start` on, and where they end. OSError if it cannot be read."""
    with file.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        skipped = max(start, end - MOST_BYTES)
        stream.seek(skipped)
        data = stream.read(end - skipped)
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].splitlines()
    return (lines if skipped == start else lines[1:]), skipped + whole
