"""A run that is not over: how to stop it and how to wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import anyio

from agent_runner import wire
from agent_runner.bus.channel import Channel
from agent_runner.events import AgentEvent, SessionStarted
from conversation_store.records import RunOutcome
from conversation_store.runs import NewRun
from conversation_store.store import Store


class StopReason(StrEnum):
    """Why a run is ended before its agent is done."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    SHUTDOWN = "shutdown"


class ActiveRun:
    """Takes the run's events to its conversation's channel; `asked` is set to stop it."""

    def __init__(self, run: NewRun, channel: Channel, store: Store) -> None:
        self.run = run
        self.channel = channel
        self._store = store
        self.asked = anyio.Event()
        self.stop_reason: StopReason | None = None
        self.done = anyio.Event()
        self.outcome: RunOutcome | None = None
        self.session_id: str | None = None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.run_id

    def request_stop(self, reason: StopReason) -> None:
        """Ask the run to end; the first reason counts."""
        if self.stop_reason is None:
            self.stop_reason = reason
            self.asked.set()

    def time_is_over(self) -> None:
        """See `runners.headless.Stop`."""
        self.request_stop(StopReason.TIMED_OUT)

    async def emit(self, events: Sequence[AgentEvent]) -> None:
        """Publish events of this run. A new CLI session is kept at once, for a later resume."""
        for event in events:
            if isinstance(event, SessionStarted) and event.session_id != self.session_id:
                self.session_id = event.session_id
                await self._store.conversations.set_session(
                    self.run.conversation_id, event.session_id, now=wire.now()
                )
        await self.channel.emit(self.run_id, events)
