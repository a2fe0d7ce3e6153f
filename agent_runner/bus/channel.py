"""One conversation's stream: persist, then publish, in order, to any number of listeners."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio
import msgspec
import structlog

from agent_runner import wire
from agent_runner.bus.listening import Listening
from agent_runner.bus.observers import Observers
from agent_runner.bus.open_items import OpenItems, closes
from agent_runner.bus.stored import new_event
from agent_runner.bus.subscriber import Subscriber
from agent_runner.events.base import AgentEvent, tag_of
from agent_runner.events.envelope import Envelope, Replayed, Snapshot, Stored, Streamed
from agent_runner.latch import Latch
from agent_runner.tasks import Tasks
from conversation_store.interfaces import Store
from conversation_store.records import Move, NewEvent, StoredEvent

MAX_PENDING_EVENTS = 512
MAX_PENDING_BYTES = 4 << 20
LARGE_EVENT = 1 << 16
MAX_JOINT_BYTES = 1 << 16
HOLD_S = 0.02

log = structlog.get_logger(__name__)

Commit = Callable[[], Awaitable[list[StoredEvent] | None]]
Batch = list[tuple[str | None, NewEvent]]
JointCommit = Callable[[Batch], Awaitable[list[StoredEvent] | None]]


class _Pending(msgspec.Struct, frozen=True):
    """An event on its way: an ephemeral one as it is, a durable one encoded.

    `closes` is the open item that it completes.
    """

    run_id: str | None
    ephemeral: AgentEvent | None
    durable: NewEvent | None
    closes: str | None = None


class Channel:
    """Orders, stores and fans out the events of one conversation.

    `emit` returns at once unless too much waits for the disk; that wait is the
    back-pressure that reaches the CLI's pipe. A listener is registered and the present
    position read in one step without a suspension point, which is the lock between
    replay and live: no gap, no duplicate.
    """

    def __init__(
        self,
        conversation_id: str,
        store: Store,
        tasks: Tasks,
        observers: Observers,
        last_seq: int,
    ) -> None:
        self.conversation_id = conversation_id
        self._observers = observers
        self._store = store
        self._tasks = tasks
        self._last_seq = last_seq
        self._subscribers: set[Subscriber] = set()
        self._open = OpenItems(conversation_id)
        self._pending: list[_Pending] = []
        self._pending_bytes = 0
        self._writing_bytes = 0
        self._flushing = self._held = self._releasing = False
        self._emitted = self._taken = 0
        self._places: deque[int] = deque()
        self._order = anyio.Lock(fast_acquire=True)
        self._drained = Latch()
        self._lost: dict[str, Exception] = {}

    @property
    def last_seq(self) -> int:
        """The seq of the last published event; 0 before the first."""
        return self._last_seq

    async def emit(
        self,
        run_id: str | None,
        events: Sequence[AgentEvent],
        *,
        hold: bool = False,
        move: Move | None = None,
    ) -> None:
        """Publish events of a run in order; the durable ones are stored first, with `move`.

        Those to `hold` wait for others to be stored with, or a commit, for HOLD_S at most.
        Waits with a database that cannot be written now. Raises what the store raised when
        an earlier event of this run could not be kept at all.
        """
        if run_id is not None and run_id in self._lost:
            raise self._lost[run_id]
        for event in events:
            if event.ephemeral and not self._pending and not self._order.locked():
                self._publish_ephemeral(run_id, event)
                continue
            self._emitted += 1
            if event.ephemeral:
                self._pending.append(_Pending(run_id, event, None))
                continue
            durable, complete = new_event(event, move), closes(event)
            if complete is not None:
                # Who joins from here on gets the whole item; its pieces need no place any more.
                self._open.close(complete)
            self._pending.append(_Pending(run_id, None, durable, complete))
            self._pending_bytes += len(durable.payload)
        if hold and self._pending and not self._flushing:
            self._held = True
            if not self._releasing:
                self._releasing = True
                self._tasks.start_soon(self._release)
        else:
            self._held = False
            self._start_flush()
        while (self._flushing or self._places) and (
            len(self._pending) > MAX_PENDING_EVENTS
            or self._pending_bytes + self._writing_bytes > MAX_PENDING_BYTES
        ):
            if self._drained.is_set():
                self._drained = Latch()
            await self._drained.wait()

    def lost(self, run_id: str) -> bool:
        """True if events of the run could not be stored, and never will be."""
        return run_id in self._lost

    async def flush(self) -> None:
        """Return when all that was emitted before is stored."""
        async with self._place():
            await self._write_pending()

    async def commit(self, commit: Commit) -> bool:
        """Run a store transaction that returns its events.

        They come after all that was emitted before this call, and before all that is emitted
        from then on. False if the transaction returned None (it did not apply). Not
        cancellable halfway: what was committed is published.
        """
        async with self._place():
            await self._write_pending()
            stored = await commit()
            self._publish([], stored or [])
        return stored is not None

    async def commit_jointly(self, commit: JointCommit) -> bool:
        """Run a store transaction that also stores the events emitted before it.

        It is `commit` with one transaction fewer: the function is given those events, and stores
        and returns them before its own, unless it returns None.
        """
        async with self._place():
            if self._pending_bytes > MAX_JOINT_BYTES:
                await self._write_pending()
            pending = self._take()
            batch = _durable(pending)
            with self._writing(pending):
                stored = await commit(batch)
                kept = stored if stored is not None else await self._append(batch)
            self._publish(pending, kept)
        return stored is not None

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None, None]:
        """A place among the events, behind all that were emitted; not cancellable halfway."""
        with anyio.CancelScope(shield=True):
            self._places.append(self._emitted)
            try:
                async with self._order:
                    try:
                        yield
                    finally:
                        self._places.popleft()
            finally:
                self._drained.set()
                self._start_flush()

    async def subscribe(
        self, *, after: int, run_id: str | None = None
    ) -> AsyncGenerator[Sequence[Envelope], None]:
        """Envelopes from the event after seq `after`: replayed ones, snapshots, then live ones.

        They come in order, several at a time, for ever; with `run_id` only that run's. Ends when
        this reader falls too far behind: it resumes after the last event that it got.
        """
        listening = Listening(self, after=after, run_id=run_id)
        try:
            async for page in listening.replayed():
                yield page
            while (batches := await listening.take()) is not None:
                for batch in batches:
                    yield batch
        finally:
            listening.close()

    def join(self, subscriber: Subscriber) -> int:
        """See `listening.Source`."""
        self._subscribers.add(subscriber)
        return self._last_seq

    def leave(self, subscriber: Subscriber) -> None:
        """See `listening.Source`."""
        self._subscribers.discard(subscriber)

    def open_items(self, run_id: str | None) -> list[Snapshot]:
        """See `listening.Source`."""
        return self._open.snapshots(run_id)

    async def replay(
        self, *, after: int, run_id: str | None
    ) -> AsyncGenerator[Sequence[Envelope], None]:
        """What is stored, of a run or of all of them, from the event after seq `after`."""
        async for page in self.pages(after, self._last_seq, run_id):
            yield page

    async def payload(self, envelope: Stored) -> bytes:
        """The JSON of a stored event, whatever its size; empty if the event is gone."""
        if envelope.payload is not None:
            return envelope.payload
        return b"".join([piece async for piece in self.pieces(envelope)])

    def pieces(self, envelope: Stored, *, start: int = 0) -> AsyncIterator[bytes]:
        """The JSON of an event that was too large to be queued, from byte `start`.

        Nothing if the event is gone.
        """
        return self._store.events.pieces(self.conversation_id, envelope.seq, start=start)

    async def pages(
        self, after: int, until: int, run_id: str | None
    ) -> AsyncIterator[list[Replayed]]:
        """See `listening.Source`."""
        events = self._store.events
        if run_id is not None:
            pages = events.of_run(run_id, after=after, until=until)
        else:
            pages = events.of_conversation(self.conversation_id, after=after, until=until)
        async for page in pages:
            yield [
                Replayed(
                    event.conversation_id,
                    event.run_id,
                    event.type,
                    event.payload,
                    event.seq,
                    event.time,
                )
                for event in page
            ]

    def close(self) -> None:
        """End every listener's stream after what it has queued."""
        for subscriber in self._subscribers:
            subscriber.close()

    async def _release(self) -> None:
        """Serves all holds that begin while it sleeps, as most are over by then."""
        await anyio.sleep(HOLD_S)
        self._held = self._releasing = False
        self._start_flush()

    def _start_flush(self) -> None:
        """Have what waits written, unless a commit is about to do it."""
        if self._pending and not (self._flushing or self._held or self._places):
            self._flushing = True
            self._tasks.start_soon(self._flush)

    async def _flush(self) -> None:
        try:
            while self._pending:
                async with self._order:
                    await self._write_or_lose()
        finally:
            self._flushing = False
            self._drained.set()

    async def _write_or_lose(self) -> None:
        try:
            await self._write_pending()
        except Exception as error:  # the run hears of it when it emits next
            log.error("events_not_stored", conversation_id=self.conversation_id, error=str(error))

    async def _write_pending(self) -> None:
        pending = self._take()
        with self._writing(pending):
            stored = await self._append(_durable(pending))
        self._publish(pending, stored)

    async def _append(self, batch: Batch) -> list[StoredEvent]:
        return await self._store.events.append(self.conversation_id, batch) if batch else []

    def _take(self) -> list[_Pending]:
        """What was emitted before the first commit that has not been; all, without one."""
        until = self._places[0] if self._places else self._emitted
        count = until - self._taken
        pending, self._pending = self._pending[:count], self._pending[count:]
        self._taken = until
        self._writing_bytes = sum(len(p.durable.payload) for p in pending if p.durable is not None)
        self._pending_bytes -= self._writing_bytes
        self._drained.set()
        return pending

    @contextmanager
    def _writing(self, pending: list[_Pending]) -> Iterator[None]:
        """What cannot be stored is lost, and its runs are told."""
        try:
            yield
        except Exception as error:
            self._lost.update({item.run_id: error for item in pending if item.run_id is not None})
            raise
        finally:
            self._writing_bytes = 0
            self._drained.set()

    def _publish(self, pending: list[_Pending], stored: list[StoredEvent]) -> None:
        """Publish in order; `stored` are the durable ones of `pending`, and what follows them."""
        durable = iter(stored)
        for item in pending:
            if item.ephemeral is not None:
                self._publish_ephemeral(item.run_id, item.ephemeral)
                continue
            if item.closes is not None:
                self._open.close(item.closes)
            self._publish_stored(next(durable))
        for event in durable:
            self._publish_stored(event)

    def _publish_stored(self, event: StoredEvent) -> None:
        self._last_seq = event.seq
        if event.type == "run.finished":
            assert event.run_id is not None
            self._open.close_run(event.run_id)
            self._lost.pop(event.run_id, None)
        observers = self._observers.by_tag.get(event.type)
        if not (self._subscribers or observers):
            return
        envelope = Stored(
            event.conversation_id,
            event.run_id,
            event.type,
            event.payload,
            event.seq,
            event.time,
        )
        if observers:
            self._observers.tell(observers, envelope)
        if len(event.payload) > LARGE_EVENT:
            # No queue holds it: each reader has it by pieces.
            envelope.payload = None
        for subscriber in self._subscribers:
            subscriber.offer(envelope)

    def _publish_ephemeral(self, run_id: str | None, event: AgentEvent) -> None:
        self._open.note(run_id, event)
        if not (self._subscribers or self._observers.of_ephemeral):
            return
        kind = tag_of(event)
        payload = wire.encode(event) if self._subscribers else None
        envelope = Streamed(self.conversation_id, run_id, kind, payload, event)
        if observers := self._observers.by_tag.get(kind):
            self._observers.tell(observers, envelope)
        for subscriber in self._subscribers:
            subscriber.offer(envelope)


def _durable(pending: list[_Pending]) -> Batch:
    return [(item.run_id, item.durable) for item in pending if item.durable is not None]
