"""What the panels say of events."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.tui.words import event_text

LOST = {"type": "background.lost", "reason": "shutdown", "tasks": [{"title": "the survey"}, {}]}

LIMITED = {
    "type": "run.finished",
    "state": "failed",
    "success": False,
    "error": "too much",
    "resetsAt": "2027-01-01T00:00:00.000Z",
}


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"type": "run.started", "trigger": "background"}, "goes on by itself"),
        ({"type": "run.started"}, None),
        (LIMITED, "failed: too much (resets at 2027-01-01T00:00:00.000Z)"),
        (LOST, "lost: the survey, work (shutdown)"),
    ],
)
def test_an_event_is_a_line_or_nothing(event: dict[str, Any], text: str | None) -> None:
    shown = event_text(event)
    assert (shown is None) if text is None else (shown is not None and text in shown.plain)
