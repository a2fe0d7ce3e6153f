"""Server-sent events: cursors, heartbeats, and the cap on open streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request

from agent_runner.api.bodies import MalformedJsonError, integer_parameter
from agent_runner.errors import UnavailableError

HEARTBEAT_S = 10.0


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


def _heartbeat() -> ServerSentEvent:
    return ServerSentEvent(comment="heartbeat")


class _Stream(EventSourceResponse):
    """An event stream that holds a slot from its creation to its end."""

    def __init__(
        self, frames: AsyncIterator[bytes], slots: StreamSlots, send_timeout: float
    ) -> None:
        super().__init__(
            frames,
            ping=HEARTBEAT_S,
            ping_message_factory=_heartbeat,
            send_timeout=send_timeout,
            sep="\n",
        )
        self._slots = slots

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
        """Stream until the source or the reader ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._slots.leave()


async def _guarded(frames: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """The frames, giving other tasks a turn between them even when all are there at once."""
    async with aclosing(frames):
        async for frame in frames:
            yield frame
            await anyio.lowlevel.checkpoint()


def event_stream(request: Request, frames: AsyncGenerator[bytes, None]) -> EventSourceResponse:
    """A response that streams `frames`."""
    slots: StreamSlots = request.app.state.slots
    slots.enter()
    send_timeout = request.app.state.context.settings.limits.stream_send_ms / 1000
    return _Stream(_guarded(frames), slots, send_timeout)


def cursor(request: Request, last_seq: int) -> int:
    """Where the client wants to go on: `?after=` wins over Last-Event-ID; 0 without either.

    A cursor that is no number or lies in the future is refused before anything is sent.
    """
    if "after" in request.query_params:
        after = integer_parameter(request, "after", 0)
    else:
        header = request.headers.get("last-event-id", "").strip() or "0"
        if not header.isascii() or not header.isdigit() or len(header) > 19:
            raise MalformedJsonError(
                "invalid_cursor", f"Last-Event-ID {header[:40]!r} is no event id"
            )
        after = int(header)
    if after > last_seq:
        raise MalformedJsonError(
            "cursor_ahead",
            f"event {after} does not exist: the last one is {last_seq}",
            hint="start again without a cursor",
        )
    return after
