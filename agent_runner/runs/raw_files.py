"""The raw output of runs on disk: a file for each run and stream, the oldest going first."""

from __future__ import annotations

from collections.abc import Sequence
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
        for stream in STREAMS:
            try:
                stat = self.path(run_id, stream).stat()
            except FileNotFoundError:
                continue
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

    def rotate(self, newest_first: Sequence[str], *, keep_bytes: int, keep_runs: int) -> list[str]:
        """Remove the files of an agent's oldest runs; returns the ids of those runs.

        Whole files only, and never those of the newest run.
        """
        total, removed = 0, []
        for place, run_id in enumerate(newest_first):
            files = self.of_run(run_id)
            total += sum(file.size_bytes for file in files)
            if place and files and (place >= keep_runs or total > keep_bytes):
                self.remove(run_id)
                removed.append(run_id)
        return removed

    def remove(self, run_id: str) -> None:
        """Remove what is kept of a run."""
        for stream in STREAMS:
            self.path(run_id, stream).unlink(missing_ok=True)
