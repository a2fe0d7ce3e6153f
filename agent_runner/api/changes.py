"""What changes beside conversations, for pages that show it: agents, and how the service is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio

from agent_runner.events.envelope import Envelope, Stored
from agent_runner.events.run import RunQueued
from agent_runner.runs.announcements import RunOver
from agent_runner.tasks import Tasks

HEALTH_CHECK_S = 2.0
MOST_KNOWN = 10_000
"""Conversations whose agent is remembered."""

Wake = Callable[[], None]
OnNew = Callable[[str, str], None]


class ChangedAgents:
    """The agents that have changed since one page looked."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._changed: dict[str, None] = {}

    @property
    def any(self) -> bool:
        """True if there are some."""
        return bool(self._changed)

    def note(self, agent_id: str) -> None:
        """One has changed."""
        self._changed[agent_id] = None
        self._wake()

    def everything(self, agent_ids: Iterable[str]) -> None:
        """The page knows none of these yet."""
        self._changed.update(dict.fromkeys(agent_ids))

    def take(self) -> list[str]:
        """Which they are."""
        changed = list(self._changed)
        self._changed.clear()
        return changed


class Changes:
    """Tells pages of changes. While no page asks for it, how the service is is not looked at.

    `look` gives that as JSON.
    """

    def __init__(self, look: Callable[[], bytes], tasks: Tasks) -> None:
        self.health: bytes | None = None
        self._look = look
        self._tasks = tasks
        self._agents: set[ChangedAgents] = set()
        self._new: set[OnNew] = set()
        self._health: set[Wake] = set()
        self._is_looking = False
        self._pages: set[Wake] = set()
        self.closed = False
        self._agent_of: dict[str, str] = {}

    # --- what pages do ----------------------------------------------------------------------

    def enter(self, wake: Wake) -> None:
        """Call `wake` when the service ends."""
        self._pages.add(wake)

    def exit(self, wake: Wake) -> None:
        """Call it no more."""
        self._pages.discard(wake)

    def close(self) -> None:
        """The service ends, and all pages' streams with it."""
        self.closed = True
        for wake in list(self._pages):
            wake()

    def join(self, wake: Wake) -> ChangedAgents:
        """Note which agents change from now on, until `leave`."""
        joined = ChangedAgents(wake)
        self._agents.add(joined)
        return joined

    def leave(self, joined: ChangedAgents) -> None:
        """Note nothing more."""
        self._agents.discard(joined)

    def join_new(self, on_new: OnNew) -> None:
        """Call `on_new` with an agent and its conversation, when a prompt is accepted there."""
        self._new.add(on_new)

    def leave_new(self, on_new: OnNew) -> None:
        """Call it no more."""
        self._new.discard(on_new)

    def join_health(self, wake: Wake) -> None:
        """Call `wake` when the service's health has changed."""
        self.health = self._look()
        self._health.add(wake)
        if not self._is_looking:
            self._is_looking = True
            self._tasks.start_soon(self._keep_looking)
        wake()

    def leave_health(self, wake: Wake) -> None:
        """Call it no more."""
        self._health.discard(wake)

    # --- what is observed -------------------------------------------------------------------

    def agent(self, agent_id: str) -> None:
        """An agent is, or does, something else now."""
        for joined in self._agents:
            joined.note(agent_id)

    def on_queued(self, envelope: Envelope) -> None:
        """Observe `run.queued`."""
        assert isinstance(envelope, Stored)
        queued = envelope.event
        assert isinstance(queued, RunQueued)
        agent_id = queued.agent_id
        conversation_id = envelope.conversation_id
        self._agent_of.pop(conversation_id, None)
        self._agent_of[conversation_id] = agent_id
        if len(self._agent_of) > MOST_KNOWN:
            del self._agent_of[next(iter(self._agent_of))]
        self.agent(agent_id)
        for on_new in list(self._new):
            on_new(agent_id, conversation_id)

    def on_event(self, envelope: Envelope) -> None:
        """Observe what changes how an agent of a conversation is."""
        agent_id = self._agent_of.get(envelope.conversation_id)
        if agent_id is not None:
            self.agent(agent_id)

    def on_over(self, over: RunOver) -> None:
        """Observe the ends of runs, when they are active no more."""
        self.agent(over.run.agent_id)

    async def _keep_looking(self) -> None:
        try:
            while self._health:
                await anyio.sleep(HEALTH_CHECK_S)
                health = self._look()
                if health != self.health:
                    self.health = health
                    for wake in list(self._health):
                        wake()
        finally:
            self._is_looking = False
