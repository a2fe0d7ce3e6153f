"""The CLIs' raw output against the runs it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from conversation_store.findings import Finding, FindingCode
from conversation_store.states import RunState

_SUFFIXES = (".stdout", ".stderr")


def raw_files(folder: Path) -> list[Path]:
    """Every raw log."""
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)


def compare(
    folder: Path, files: list[Path], states: Mapping[str, Mapping[str, str]]
) -> list[Finding]:
    """What does not fit: a file whose run is gone, a run that succeeded without a file.

    `states` are those of each agent's runs from the oldest one on, read after `files` were
    listed, so that a file's run is among these.
    """
    known = {run_id for runs in states.values() for run_id in runs}
    findings = [
        Finding(
            code=FindingCode.RAW_WITHOUT_RUN,
            subject=str(path),
            detail="its run is not in the database",
            repairable=True,
        )
        for path in files
        if path.stem not in known and path.exists()
    ]
    printed = {path.stem for path in files}
    findings += [
        Finding(
            code=FindingCode.RAW_MISSING,
            subject=run_id,
            detail="it succeeded, and what its CLI printed is gone",
            repairable=False,
        )
        for runs in states.values()
        for run_id in _not_rotated(runs, printed)
        if runs[run_id] == RunState.SUCCEEDED
        and run_id not in printed
        and not (folder / run_id).with_suffix(_SUFFIXES[0]).exists()
    ]
    return findings


def _not_rotated(runs: Mapping[str, str], printed: set[str]) -> list[str]:
    """An agent's newest runs, from the oldest one with a file on; the very newest always.

    Rotation takes the files of the oldest ones.
    """
    run_ids = list(runs)
    kept = (place for place, run_id in enumerate(run_ids) if run_id in printed)
    return run_ids[next(kept, len(run_ids) - 1) :]
