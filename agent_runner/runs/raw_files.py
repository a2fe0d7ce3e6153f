"""The raw output of runs on disk: a file for each run and stream, the oldest going first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

STREAMS = ("stdout", "stderr")


class RawFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One run's output on one stream."""

    run_id: str
    stream: str
    size_bytes: int
    modified_at: str


class Rotated(msgspec.Struct):
    """Of an agent's runs: which have lost their files, how many have some, and how large."""

    removed: list[str]
    runs: int
    size_bytes: int


class RawFiles:
    """The folder of raw output."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, run_id: str, stream: str) -> Path:
        """Where a run's stream is kept; there is no file if it printed nothing."""
        return self._folder / f"{run_id}.{stream}"

    def of_run(self, run_id: str) -> list[RawFile]:
        """What is kept of a run."""
        found = []
        for stream, stat in self._stats(run_id).items():
            modified = datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(timespec="milliseconds")
            found.append(
                RawFile(
                    run_id=run_id,
                    stream=stream,
                    size_bytes=stat.st_size,
                    modified_at=modified.replace("+00:00", "Z"),
                )
            )
        return found

    def size(self, run_id: str) -> int | None:
        """Bytes that are kept of a run; None if it has no file."""
        stats = self._stats(run_id).values()
        return sum(stat.st_size for stat in stats) if stats else None

    def rotate(self, newest_first: Sequence[str], *, keep_bytes: int, keep_runs: int) -> Rotated:
        """Remove the files of an agent's oldest runs: whole files, never those of the newest."""
        total, kept = 0, 0
        removed: list[str] = []
        for place, run_id in enumerate(newest_first):
            size = self.size(run_id)
            if size is None:
                continue
            if removed or (place and (place >= keep_runs or total + size > keep_bytes)):
                self.remove(run_id)
                removed.append(run_id)
            else:
                total, kept = total + size, kept + 1
        return Rotated(removed, kept, total)

    def remove(self, run_id: str) -> None:
        """Remove what is kept of a run."""
        for stream in STREAMS:
            self.path(run_id, stream).unlink(missing_ok=True)

    def _stats(self, run_id: str) -> dict[str, os.stat_result]:
        found = {}
        for stream in STREAMS:
            with suppress(FileNotFoundError):
                found[stream] = os.stat(f"{self._folder}/{run_id}.{stream}")
        return found
