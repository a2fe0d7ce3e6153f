"""The channels of all conversations that something happens in or someone listens to."""

from __future__ import annotations

from weakref import WeakValueDictionary

import structlog

from agent_runner.bus.channel import Channel
from agent_runner.bus.observers import Observer, Observers
from agent_runner.events.base import AgentEvent, event_type
from agent_runner.events.envelope import Announced
from agent_runner.tasks import Tasks
from conversation_store.errors import StoreError
from conversation_store.sqlite.store import Store

log = structlog.get_logger(__name__)


class Bus:
    """Gives the one channel of a conversation, which lives as long as anyone holds it, and tells
    observers of all."""

    def __init__(self, store: Store, tasks: Tasks) -> None:
        self._store = store
        self._tasks = tasks
        self._observers = Observers()
        self._channels: WeakValueDictionary[str, Channel] = WeakValueDictionary()

    def observe(self, observer: Observer, *events: type[AgentEvent]) -> None:
        """Have `observer` called with each event of these classes, of every conversation.

        It is called in the order of the events, once each is stored, and must not wait.
        """
        self._observers.add(observer, *events)

    def announce(self, event: AgentEvent) -> None:
        """Give observers an event that belongs to no conversation's stream."""
        if observers := self._observers.of(event_type(event)):
            self._observers.tell(observers, Announced(event=event))

    async def channel(self, conversation_id: str) -> Channel:
        """The channel of an existing conversation; RecordNotFoundError if there is none."""
        if (found := self._channels.get(conversation_id)) is not None:
            return found
        record = await self._store.conversations.get(conversation_id)
        if (found := self._channels.get(conversation_id)) is not None:
            return found
        return self._make(conversation_id, record.last_event_seq)

    def new_channel(self, conversation_id: str) -> Channel:
        """The channel of a conversation that is about to be created."""
        return self._make(conversation_id, 0)

    def end(self, conversation_id: str) -> None:
        """End the streams of a conversation that is no more."""
        channel = self._channels.pop(conversation_id, None)
        if channel is not None:
            channel.close()

    async def close(self) -> None:
        """End every stream, once what was emitted is stored."""
        for channel in list(self._channels.values()):
            try:
                await channel.flush()
            except StoreError as error:
                log.error(
                    "events_not_stored", conversation_id=channel.conversation_id, error=str(error)
                )
            channel.close()

    def _make(self, conversation_id: str, last_seq: int) -> Channel:
        channel = Channel(conversation_id, self._store, self._tasks, self._observers, last_seq)
        self._channels[conversation_id] = channel
        return channel
