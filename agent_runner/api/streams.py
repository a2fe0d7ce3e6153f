"""Server-sent events: cursors, heartbeats, and the cap on open streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import anyio
import msgspec
import structlog
from sse_starlette import EventSourceResponse
from starlette.requests import Request

from agent_runner.api.bodies import MalformedJsonError, boolean_parameter, integer_parameter
from agent_runner.bus.channel import LARGE_EVENT, Channel
from agent_runner.errors import UnavailableError
from agent_runner.events.envelope import Envelope, LogEntry, Snapshot, Stored
from agent_runner.streams.base import Dialect
from agent_runner.streams.native import Native
from agent_runner.streams.registry import dialect
from conversation_store.errors import StoreError

log = structlog.get_logger(__name__)

HEARTBEAT_S = 10.0
PIECE = 1 << 16


class StreamSlots:
    """Counts open streams; a stream over the cap is refused."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._open = 0

    def enter(self) -> None:
        """Take a slot; UnavailableError `too_many_streams` if there is none."""
        if self._open >= self._size:
            raise UnavailableError("too_many_streams", f"{self._size} streams are open already")
        self._open += 1

    def leave(self) -> None:
        """Give a slot back."""
        self._open -= 1


class _Stream(EventSourceResponse):
    """An event stream that holds a slot from its creation to its end.

    A frame may come in several pieces. A heartbeat between them would cut it in two, so
    it is left out until the frame is whole; the pieces show that the stream lives.
    """

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        slots: StreamSlots,
        send_timeout: float,
        language: type[Dialect] = Native,
    ) -> None:
        self._inside_frame = False
        self._language = language
        super().__init__(
            self._guarded(frames),
            ping=HEARTBEAT_S,
            ping_message_factory=self._heartbeat,  # type: ignore[arg-type] # bytes are taken
            send_timeout=send_timeout,
            sep="\n",
            media_type=language.media_type,
        )
        # Without a pause at this lock no frame can begin between a heartbeat's making and sending.
        self._send_lock = anyio.Lock(fast_acquire=True)
        self._slots = slots

    async def _guarded(self, frames: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
        """The frames, giving other tasks a turn between them even when all are there at once.

        A stream that cannot be read on from the store ends: its reader resumes it.
        """
        end = self._language.frame_end
        try:
            async with aclosing(frames):
                async for piece in frames:
                    last = piece.endswith(end)
                    self._inside_frame = self._inside_frame or not last
                    yield piece
                    if last:
                        self._inside_frame = False
                    await anyio.lowlevel.checkpoint()
        except StoreError as error:
            log.warning("stream_broken_off", code=error.code, error=error.message)

    def _heartbeat(self) -> bytes:
        return b"" if self._inside_frame else self._language.heartbeat

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
        """Stream until the source or the reader ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._slots.leave()


async def framed(
    channel: Channel, envelopes: AsyncGenerator[Sequence[Envelope], None], dialect: Dialect
) -> AsyncGenerator[bytes, None]:
    """The envelopes of `channel` in a dialect, up to its end; several frames may come as one piece.

    A large event comes in pieces, so that a frame of megabytes is never copied whole.
    """
    encode, ends_after = dialect.encode, dialect.ends_after
    async with aclosing(envelopes):
        async for batch in envelopes:
            pieces: list[bytes] = []
            ended = False
            for envelope in batch:
                payload = envelope.payload
                is_large = payload is None or len(payload) > LARGE_EVENT
                if is_large and isinstance(envelope, Stored):
                    if pieces:
                        yield b"".join(pieces)
                        pieces = []
                    async for piece in _large(channel, envelope, dialect):
                        yield piece
                elif type(envelope) is Snapshot:
                    pieces.append(dialect.snapshot(envelope))
                else:
                    pieces.append(encode(envelope))
                if envelope.type in ends_after:
                    ended = True
                    break
            if frames := b"".join(pieces):
                yield frames
            if ended:
                return


async def _large(
    channel: Channel, envelope: Stored, dialect: Dialect
) -> AsyncGenerator[bytes, None]:
    """The frame of a large event by pieces; nothing if it is gone with its conversation."""
    around = dialect.around(envelope)
    if around is None:
        if payload := await channel.payload(envelope):
            yield dialect.encode(msgspec.structs.replace(envelope, payload=payload, frame=None))
        return
    begun = False
    async for piece in _rest(channel, envelope):
        if not begun:
            begun = True
            yield around[0]
        yield piece
    if begun:
        yield around[1]


async def _rest(channel: Channel, envelope: Stored) -> AsyncGenerator[bytes, None]:
    """The JSON of an event without its first byte."""
    if envelope.payload is None:
        async for piece in channel.pieces(envelope, start=1):
            yield piece
        return
    view = memoryview(envelope.payload)
    for at in range(1, len(view), PIECE):
        yield bytes(view[at : at + PIECE])


def wanted_dialect(request: Request) -> type[Dialect]:
    """The dialect that `?dialect=` asks for; BadRequestError `unknown_dialect`."""
    return dialect(request.query_params.get("dialect", Native.name))


def conversation_stream(
    request: Request, channel: Channel, *, after: int, run_id: str | None = None, live: bool = True
) -> EventSourceResponse:
    """The stream of a conversation or of one of its runs, in the dialect that is asked for.

    What is over, and so not `live`, is replayed; so is all else with `?follow=false`.
    """
    language = wanted_dialect(request)
    if not live or boolean_parameter(request, "follow") is False:
        envelopes = channel.replay(after=after, run_id=run_id)
    else:
        envelopes = channel.subscribe(after=after, run_id=run_id)
    return event_stream(request, framed(channel, envelopes, language(run_id)), language)


def log_stream(
    request: Request, entries: AsyncGenerator[Sequence[LogEntry], None]
) -> EventSourceResponse:
    """The stream of one of the service's own logs."""

    async def frames() -> AsyncGenerator[bytes, None]:
        language = Native()
        async with aclosing(entries):
            async for batch in entries:
                yield b"".join(language.entry(entry) for entry in batch)

    return event_stream(request, frames())


def event_stream(
    request: Request, frames: AsyncGenerator[bytes, None], language: type[Dialect] = Native
) -> EventSourceResponse:
    """A response that streams `frames` of a dialect."""
    slots: StreamSlots = request.app.state.slots
    slots.enter()
    send_timeout = request.app.state.context.settings.limits.stream_send_ms / 1000
    return _Stream(frames, slots, send_timeout, language)


def cursor(request: Request, last_seq: int) -> int:
    """Where the client wants to go on: `?after=` wins over Last-Event-ID; 0 without either.

    A cursor that is no number or lies in the future is refused before anything is sent.
    """
    header = request.headers.get("last-event-id", "").strip() or "0"
    if not header.isascii() or not header.isdigit() or len(header) > 19:
        raise MalformedJsonError("invalid_cursor", f"Last-Event-ID {header[:40]!r} is no event id")
    after = int(header)
    if "after" in request.query_params:
        after = integer_parameter(request, "after", 0)
    if after > last_seq:
        raise MalformedJsonError(
            "cursor_ahead",
            f"event {after} does not exist: the last one is {last_seq}",
            hint="start again without a cursor",
        )
    return after
