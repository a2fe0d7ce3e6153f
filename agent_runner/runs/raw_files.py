"""The raw output of runs on disk: a file for each run and stream, the oldest going first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agent_runner import wire

STREAMS = ("stdout", "stderr")


class RawFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One run's output on one stream."""

    run_id: str
    stream: str
    size_bytes: int
    modified_at: str


class Rotated(msgspec.Struct):
    """Of an agent's runs: which have lost their files, how many have some, and how large.

    None before the run `oldest` has any; it is "" if none at all has.
    """

    removed: list[str]
    runs: int
    size_bytes: int
    oldest: str = ""


class RawFiles:
    """The folder of raw output."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, run_id: str, stream: str) -> Path:
        """Where a run's stream is kept.

        Of stdout there is a file once a CLI has the prompt, of stderr once it has printed.
        """
        return self._folder / f"{run_id}.{stream}"

    def of_run(self, run_id: str) -> list[RawFile]:
        """What is kept of a run."""
        found = []
        for stream, stat in self._stats(run_id).items():
            found.append(
                RawFile(
                    run_id=run_id,
                    stream=stream,
                    size_bytes=stat.st_size,
                    modified_at=wire.utc_text(datetime.fromtimestamp(stat.st_mtime, UTC)),
                )
            )
        return found

    def size(self, run_id: str) -> int | None:
        """Bytes that are kept of a run; None if it has no file."""
        stats = self._stats(run_id).values()
        return sum(stat.st_size for stat in stats) if stats else None

    def rotate(self, newest_first: Sequence[str], *, keep_bytes: int, keep_runs: int) -> Rotated:
        """Remove the files of an agent's oldest runs: whole files, never the newest ones.

        The oldest goes first, so that there is never a gap between those that are left.
        """
        kept = Rotated([], 0, 0)
        for run_id in newest_first:
            size = self.size(run_id)
            if size is None:
                continue
            too_much = kept.runs >= keep_runs or kept.size_bytes + size > keep_bytes
            if kept.removed or (kept.runs and too_much):
                kept.removed.append(run_id)
            else:
                kept.runs += 1
                kept.size_bytes += size
                kept.oldest = run_id
        for run_id in reversed(kept.removed):
            self.remove(run_id)
        return kept

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
