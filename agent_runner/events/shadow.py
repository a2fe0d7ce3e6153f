"""The comparison of two legs."""

from __future__ import annotations

from typing import Literal

from agent_runner.events.base import AgentEvent


class ShadowCompared(AgentEvent, frozen=True, kw_only=True, tag="shadow.compared"):
    """A shadow run's legs were compared; comes after the run's end and is of no run.

    `similarity` (0 to 1) is absent if a leg failed.
    """

    comparison_id: str
    run_id: str
    kind: Literal["shadow", "self"]
    verdict: str
    similarity: float | None = None
