"""Renames the files of a session, where a CLI could not resume it otherwise."""

from __future__ import annotations

import glob
from datetime import UTC, datetime
from pathlib import Path

from agent_runner.agents.session_files import SessionFiles


def set_back(files: SessionFiles, now: datetime | None = None) -> bool:
    """Rename what must not keep its name; False if no file is found at all."""
    now = now or datetime.now(UTC)
    found = [Path(name) for pattern in files.patterns for name in glob.glob(pattern)]
    for file in found:
        others = map(file.with_name, files.other_names(file.name, now))
        other = next((other for other in others if not other.exists()), None)
        if other is not None:
            file.rename(other)
    return bool(found)
