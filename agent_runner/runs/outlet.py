"""Where a run's events go: to its conversation's channel."""

from __future__ import annotations

from collections.abc import Sequence

from agent_runner import wire
from agent_runner.bus.channel import Channel
from agent_runner.events.background import BackgroundLost
from agent_runner.events.base import AgentEvent
from agent_runner.events.notice import Notice
from agent_runner.events.permission import PermissionResolved
from agent_runner.events.session import SessionStarted
from agent_runner.runs.ask import Ask
from agent_runner.runs.progress import Progress
from conversation_store.interfaces import Store


class Outlet:
    """Publishes events of the run `run_id`, and keeps a new CLI session for a later resume.

    What comes after the run's end is of the conversation and of no run, and said to be late.
    """

    def __init__(
        self,
        run_id: str,
        channel: Channel,
        store: Store,
        progress: Progress,
        ask: Ask,
        session_id: str | None = None,
    ) -> None:
        self.session_id = session_id
        self.closed = False
        self._run_id = run_id
        self._channel = channel
        self._store = store
        self._progress = progress
        self._ask = ask
        self._late = False

    def close(self) -> None:
        """The run is over."""
        self.closed = True

    def begin(self, session_id: str | None) -> None:
        """The run is on a process that goes on with this session."""
        self.session_id = session_id

    async def emit(self, events: Sequence[AgentEvent], *, last: bool = False) -> None:
        """Publish events in order; the `last` of a turn wait for its end to be stored with."""
        if self.closed:
            await self._emit_late(events)
            return
        self._progress.note(events)
        plain: list[AgentEvent] = []
        for event in events:
            if isinstance(event, PermissionResolved):
                if event.decided_by == "exit":
                    # The approval outlives the process that asked.
                    continue
                if event.decision == "cancelled":
                    await self._ask.withdraw(event)
            elif isinstance(event, SessionStarted) and event.session_id != self.session_id:
                self.session_id = event.session_id
                await self._store.conversations.set_session(
                    self._channel.conversation_id, event.session_id, now=wire.now()
                )
            plain.append(event)
        await self._channel.emit(self._run_id, plain, hold=last)

    async def _emit_late(self, events: Sequence[AgentEvent]) -> None:
        events = [event for event in events if not event.ephemeral]
        if not self._late and any(not isinstance(event, BackgroundLost) for event in events):
            self._late = True
            late = Notice(code="late_output", data={"runId": self._run_id})
            events = [late, *events]
        await self._channel.emit(None, events)
