"""The CLIs' raw output against the runs it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from conversation_store.integrity.findings import Finding, FindingCode
from conversation_store.states import RunState

_SUFFIXES = (".stdout", ".stderr")


def raw_files(folder: Path) -> list[Path]:
    """Every raw log."""
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)


def compare(folder: Path, files: list[Path], states: Mapping[str, str]) -> list[Finding]:
    """What does not fit: a file whose run is gone, a run that succeeded without a file.

    `files` were listed before `states` were read, so that a file's run is among these.
    """
    findings = [
        Finding(
            code=FindingCode.RAW_WITHOUT_RUN,
            subject=str(path),
            detail="its run is not in the database",
            repairable=True,
        )
        for path in files
        if path.stem not in states and path.exists()
    ]
    printed = {path.stem for path in files}
    findings += [
        Finding(
            code=FindingCode.RAW_MISSING,
            subject=run_id,
            detail="it succeeded, and what its CLI printed is gone",
            repairable=False,
        )
        for run_id, state in states.items()
        if state == RunState.SUCCEEDED
        and run_id not in printed
        and not (folder / run_id).with_suffix(_SUFFIXES[0]).exists()
    ]
    return findings
