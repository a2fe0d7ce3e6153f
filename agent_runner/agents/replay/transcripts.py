"""Where recorded transcripts lie, and the one the first chat plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DEMO_AGENT = "demo"
DEMO_TRANSCRIPT = "claude-code/2.1.332/warm-demo"

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE / "recorded", _PACKAGE.parents[2] / "fixtures")


def transcript_path(name: str) -> Path | None:
    """The folder of the transcript `AGENT/VERSION/CASE`; None if there is no such recording."""
    if ".." in Path(name).parts or Path(name).is_absolute():
        return None
    for place in _PLACES:
        folder = place / name
        if (folder / "command").is_file():
            return folder
    return None


def demo_options(cwd: str) -> dict[str, Any]:
    """Options of the agent that plays DEMO_TRANSCRIPT."""
    return {"cwd": cwd, "transcript": DEMO_TRANSCRIPT}
