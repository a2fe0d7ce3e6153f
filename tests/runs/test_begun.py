"""A run begins with an id of its own, now."""

from __future__ import annotations

from typing import Any

from agent_runner import wire
from agent_runner.runs.begun import BegunRun

GIVEN: dict[str, Any] = {
    "turn_id": "",
    "conversation_id": "conv_1",
    "conversation_is_new": True,
    "agent_id": "a",
    "prompt": "",
    "mode": "headless",
    "reason": "",
    "timeout_ms": 1,
}


def test_what_all_runs_get_when_they_begin() -> None:
    before = wire.now()
    one, other = BegunRun(**GIVEN), BegunRun(**GIVEN)
    assert one.run_id.startswith("run_")
    assert one.run_id != other.run_id
    assert before <= one.queued_at <= other.queued_at <= wire.now()
