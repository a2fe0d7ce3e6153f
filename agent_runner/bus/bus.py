"""The channels of all conversations that something happens in or someone listens to."""

from __future__ import annotations

from weakref import WeakValueDictionary

import structlog

from agent_runner.bus.channel import Channel
from agent_runner.bus.observers import Observers
from agent_runner.tasks import Tasks
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store

log = structlog.get_logger(__name__)


class Bus:
    """Gives the one channel of a conversation, which lives as long as anyone holds it, and tells
    observers of all."""

    def __init__(self, store: Store, tasks: Tasks) -> None:
        self.observers = Observers()
        self._store = store
        self._tasks = tasks
        self._channels: WeakValueDictionary[str, Channel] = WeakValueDictionary()

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
        channel = Channel(conversation_id, self._store, self._tasks, self.observers, last_seq)
        self._channels[conversation_id] = channel
        return channel
