"""How far a run has come, as its events show it."""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from agent_runner.events.base import AgentEvent, tag_of
from agent_runner.events.line import ParseError, Unknown
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
)
from agent_runner.events.session import SessionStarted
from agent_runner.events.usage import UsageReported

_WORDS = (MessageDelta, MessageCompleted, ReasoningDelta, ReasoningCompleted)


class Progress:
    """`acted` once there was a deed, and `said` once there was a word of the agent's.

    An `opaque` agent prints nothing but text, which may tell of deeds. `last_event_at` is by the
    monotonic clock; `model` is the last one that the CLI told of.
    """

    def __init__(self, *, opaque: bool, acted: bool = False) -> None:
        self.acted = acted
        self.said = False
        self.broken_lines = 0
        self.model: str | None = None
        self.last_event: str | None = None
        self.last_event_at: float | None = None
        self._opaque = opaque

    def note(self, events: Sequence[AgentEvent]) -> None:
        """Take the run's next events."""
        if not events:
            return
        self.last_event, self.last_event_at = tag_of(events[-1]), anyio.current_time()
        for event in events:
            if isinstance(event, ParseError | Unknown):
                self.broken_lines += 1
            if not self.said and isinstance(event, _WORDS):
                self.said = bool(event.text.strip())
            if isinstance(event, SessionStarted | UsageReported):
                self.model = event.model or self.model
            if event.deed or (self._opaque and isinstance(event, MessageDelta)):
                self.acted = True
