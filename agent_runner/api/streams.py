"""Server-sent events: cursors, heartbeats, and the cap on open streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import anyio
import structlog
from sse_starlette import EventSourceResponse
from starlette.requests import Request

from agent_runner.api.bodies import MalformedJsonError, integer_parameter
from agent_runner.errors import UnavailableError
from conversation_store.errors import StoreError

log = structlog.get_logger(__name__)

HEARTBEAT_S = 10.0
HEARTBEAT = b": heartbeat\n\n"


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
        self, frames: AsyncGenerator[bytes, None], slots: StreamSlots, send_timeout: float
    ) -> None:
        self._inside_frame = False
        super().__init__(
            self._guarded(frames),
            ping=HEARTBEAT_S,
            ping_message_factory=self._heartbeat,  # type: ignore[arg-type] # bytes are taken
            send_timeout=send_timeout,
            sep="\n",
        )
        self._slots = slots

    async def _guarded(self, frames: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
        """The frames, giving other tasks a turn between them even when all are there at once.

        A stream that cannot be read on from the store ends: its reader resumes it.
        """
        try:
            async with aclosing(frames):
                async for piece in frames:
                    last = piece.endswith(b"\n\n")
                    self._inside_frame = self._inside_frame or not last
                    yield piece
                    if last:
                        self._inside_frame = False
                    await anyio.lowlevel.checkpoint()
        except StoreError as error:
            log.warning("stream_broken_off", code=error.code, error=error.message)

    def _heartbeat(self) -> bytes:
        return b"" if self._inside_frame else HEARTBEAT

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
        """Stream until the source or the reader ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._slots.leave()


def event_stream(request: Request, frames: AsyncGenerator[bytes, None]) -> EventSourceResponse:
    """A response that streams `frames`."""
    slots: StreamSlots = request.app.state.slots
    slots.enter()
    send_timeout = request.app.state.context.settings.limits.stream_send_ms / 1000
    return _Stream(frames, slots, send_timeout)


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
