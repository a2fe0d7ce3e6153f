"""One stream for all that a page shows: a browser has six connections for all its tabs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.api.agent_reply import AgentReply, agent_reply
from agent_runner.api.bodies import MalformedJsonError
from agent_runner.api.context import Context, context
from agent_runner.api.page_cursor import MOST_PLACES, PageCursor, parse
from agent_runner.api.routes import Endpoint, Query
from agent_runner.api.stream_schemas import StreamKind
from agent_runner.api.streams import event_stream, framed
from agent_runner.bus.channel import Channel
from agent_runner.bus.feed import Feed
from agent_runner.bus.listening import Listening
from agent_runner.events.envelope import Envelope, Stored
from agent_runner.latch import Latch
from agent_runner.streams.page import Page, log_frame, told
from conversation_store.errors import RecordNotFoundError

FEEDS = ("agents", "approvals", "fallback", "health")
_LAST_ID = "~"  # sorts after every identifier
_LOGS = ("approvals", "fallback")


class Opened(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The stream's first event: what it carries, and from which event on.

    `agents` are all that there are, if that feed is asked for: what a page knows beside them was
    deleted while it was away.
    """

    type: str = "stream.opened"
    conversations: dict[str, int]
    feeds: list[str]
    agents: list[str]


class AgentChanged(msgspec.Struct, frozen=True, kw_only=True):
    """An agent is, or does, something else; also one that the page does not know yet."""

    type: str = "agent.changed"
    agent: AgentReply


class AgentGone(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An agent was deleted."""

    type: str = "agent.deleted"
    agent_id: str


class ConversationGone(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A conversation was deleted."""

    type: str = "conversation.deleted"
    conversation_id: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a page asked for."""

    agents: list[str]
    conversations: list[str]
    feeds: list[str]


class _Reading:
    """A conversation that is read, and how far that is."""

    def __init__(self, channel: Channel, listening: Listening) -> None:
        self.channel = channel
        self.listening = listening
        self.is_replayed = False


class PageReader:
    """Reads all of it in turn, and waits once for any of it. `frames` is its only way out."""

    def __init__(self, ctx: Context, wanted: Wanted, cursor: PageCursor, *, resumes: bool) -> None:
        self._resumes = resumes
        self._ctx = ctx
        self._wanted = wanted
        self._cursor = cursor
        self._readings: dict[str, _Reading] = {}
        self._wake = Latch()
        self._feeds: dict[str, Feed] = {}
        self._new: set[str] = set()
        self._agents = ctx.changes.join(self._rouse) if "agents" in wanted.feeds else None
        self._health: bytes | None = None
        self._dialect = Page(self._place)
        ctx.changes.enter(self._rouse)

    async def open(self) -> None:
        """Begin to listen; RecordNotFoundError, or `cursor_ahead`, before anything is sent."""
        ids = list(self._wanted.conversations)
        for agent_id in self._wanted.agents:
            await self._ctx.store.agents.get(agent_id)
            ids += await self._open_conversations(agent_id)
        ids = list(dict.fromkeys(ids))
        if len(ids) > MOST_PLACES:
            raise MalformedJsonError(
                "too_many_conversations", f"a stream carries at most {MOST_PLACES} conversations"
            )
        known = self._cursor.known_until if self._resumes else _LAST_ID
        for conversation_id in sorted(ids):
            begins = 0 if conversation_id > known else None
            after = self._cursor.conversations.get(conversation_id, begins)
            await self._listen(conversation_id, after)
        for name in self._wanted.feeds:
            if name in _LOGS:
                await self._follow(name)
        if self._wanted.agents:
            self._ctx.changes.join_new(self._on_new)

    async def _open_conversations(self, agent_id: str) -> list[str]:
        found = await self._ctx.store.conversations.summaries(
            agent_id=agent_id, archived=False, before=None, limit=MOST_PLACES
        )
        return [one.conversation_id for one in found if one.state == "open"]

    async def _listen(self, conversation_id: str, after: int | None) -> None:
        channel = await self._ctx.bus.channel(conversation_id)
        position = channel.last_seq if after is None else after
        if position > channel.last_seq:
            raise MalformedJsonError(
                "cursor_ahead",
                f"event {position} of {conversation_id} does not exist",
                hint="start again without a cursor",
            )
        listening = Listening(channel, after=position, wake=self._rouse)
        self._readings[conversation_id] = _Reading(channel, listening)
        self._cursor.note(conversation_id, position)

    async def _follow(self, name: str) -> None:
        log = self._ctx.store.approvals if name == "approvals" else self._ctx.store.toggles
        feed = self._ctx.approvals.feed if name == "approvals" else self._ctx.toggles.feed
        last = await log.last_event()
        if self._cursor.logs.setdefault(name, last) > last:
            raise MalformedJsonError(
                "cursor_ahead",
                f"event {self._cursor.logs[name]} of {name} does not exist",
                hint="start again without a cursor",
            )
        self._feeds[name] = feed
        feed.watch(self._rouse)

    def close(self) -> None:
        """Listen to nothing any more."""
        for reading in self._readings.values():
            reading.listening.close()
        for feed in self._feeds.values():
            feed.unwatch(self._rouse)
        if self._agents is not None:
            self._ctx.changes.leave(self._agents)
        self._ctx.changes.leave_new(self._on_new)
        self._ctx.changes.leave_health(self._rouse)
        self._ctx.changes.exit(self._rouse)

    def _rouse(self) -> None:
        self._wake.set()

    def _on_new(self, agent_id: str, conversation_id: str) -> None:
        """An agent has begun a conversation."""
        if agent_id in self._wanted.agents and conversation_id not in self._readings:
            self._new.add(conversation_id)
            self._rouse()

    def _place(self, envelope: Stored) -> str:
        self._cursor.note(envelope.conversation_id, envelope.seq)
        return self._cursor.text()

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """What there is, then what comes, until the reader is too slow or the service ends."""
        try:
            positions = {name: self._cursor.conversations[name] for name in self._readings}
            agents: list[str] = []
            if self._agents is not None:
                agents = [one.agent_id for one in await self._ctx.store.agents.all()]
                self._agents.everything(agents)
            opened = Opened(conversations=positions, feeds=self._wanted.feeds, agents=agents)
            yield told(opened.type, wire.encode(opened), self._cursor.text())
            if "health" in self._wanted.feeds:
                self._ctx.changes.join_health(self._rouse)
            while True:
                self._wake = Latch()
                async for frame in self._present():
                    yield frame
                if self._is_over():
                    return
                await self._wake.wait()
        finally:
            self.close()

    def _is_over(self) -> bool:
        return self._ctx.changes.closed

    async def _present(self) -> AsyncIterator[bytes]:
        """All that there is to tell now."""
        while self._new:
            with suppress(RecordNotFoundError):
                await self._listen(self._new.pop(), 0)
        for conversation_id, reading in list(self._readings.items()):
            async for frame in framed(reading.channel, self._batches(reading), self._dialect):
                yield frame
            if reading.listening.over:
                reading.listening.close()
                del self._readings[conversation_id]
                if not await self._is_gone(conversation_id):
                    raise _TooSlowError
                gone = ConversationGone(conversation_id=conversation_id)
                yield told(gone.type, wire.encode(gone))
        for name, feed in self._feeds.items():
            while entries := await feed.page(self._cursor.logs[name]):
                for entry in entries:
                    self._cursor.logs[name] = entry.seq
                    yield log_frame(entry, name, self._cursor.text())
        async for frame in self._changed_agents():
            yield frame
        if "health" in self._wanted.feeds and (health := self._ctx.changes.health) != self._health:
            self._health = health
            if health is not None:
                yield told("health", health)

    async def _batches(self, reading: _Reading) -> AsyncGenerator[Sequence[Envelope], None]:
        if not reading.is_replayed:
            reading.is_replayed = True
            async for batch in reading.listening.replayed():
                yield batch
        for batch in reading.listening.take_now():
            yield batch

    async def _is_gone(self, conversation_id: str) -> bool:
        try:
            await self._ctx.store.conversations.get(conversation_id)
        except RecordNotFoundError:
            return True
        return False

    async def _changed_agents(self) -> AsyncIterator[bytes]:
        if self._agents is None or not self._agents.any:
            return
        agent_ids = self._agents.take()
        activity = await self._ctx.store.agents.activity()
        for agent_id in agent_ids:
            try:
                agent = await self._ctx.store.agents.get(agent_id)
            except RecordNotFoundError:
                gone = AgentGone(agent_id=agent_id)
                yield told(gone.type, wire.encode(gone))
                continue
            reply = agent_reply(self._ctx, agent, activity.get(agent_id))
            changed = AgentChanged(agent=reply)
            yield told(changed.type, wire.encode(changed))


class _TooSlowError(Exception):
    """The reader fell too far behind; it resumes with its cursor."""


async def _until_too_slow(reader: PageReader) -> AsyncGenerator[bytes, None]:
    with suppress(_TooSlowError):
        async for frame in reader.frames():
            yield frame


def _names(request: Request, name: str) -> list[str]:
    text = request.query_params.get(name, "")
    return list(dict.fromkeys(part for part in text.split(",") if part))


async def page_stream(request: Request) -> Response:
    """All that a page shows, on one stream that goes on where its cursor says."""
    ctx = context(request)
    wanted = Wanted(
        agents=_names(request, "agents"),
        conversations=_names(request, "conversations"),
        feeds=_names(request, "feeds"),
    )
    if unknown := set(wanted.feeds) - set(FEEDS):
        raise MalformedJsonError(
            "unknown_feed",
            f"there is no feed {min(unknown)[:40]!r}",
            hint=f"known: {', '.join(FEEDS)}",
        )
    store = await ctx.store.integrity.store_id()
    text = request.query_params.get("cursor") or request.headers.get("last-event-id", "").strip()
    if text:
        cursor = parse(text, store)
    else:
        last = await ctx.store.conversations.summaries(
            agent_id=None, archived=None, before=None, limit=1
        )
        cursor = PageCursor(store, last[0].conversation_id if last else "")
    reader = PageReader(ctx, wanted, cursor, resumes=bool(text))
    try:
        await reader.open()
        return event_stream(request, _until_too_slow(reader))
    except BaseException:
        reader.close()
        raise


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/stream",
        handler=page_stream,
        summary="One stream for all that a page shows",
        tag="service",
        stream=StreamKind.PAGE,
        parameters=(
            Query("agents", "All open conversations of these agents, by commas.", "string"),
            Query("conversations", "These conversations, by commas.", "string"),
            Query(
                "feeds",
                f"Of {', '.join(FEEDS)}, by commas.",
                "string",
                limits={"pattern": f"^((^|,)({'|'.join(FEEDS)}))*$"},
            ),
            Query("cursor", "Go on behind the frame that had this id.", "string"),
            Query(
                "Last-Event-ID", "The same, as browsers send it; `cursor` wins.", "string", "header"
            ),
        ),
        problems=(400, 404),
    ),
)
