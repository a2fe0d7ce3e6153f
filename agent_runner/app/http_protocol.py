"""HTTP/1.1 on one connection, with a bound on all that can be sent before the gate is asked.

uvicorn's protocol takes a head of any length, for any time, and every pipelined request. Here
bytes go to its parser only as far as they may; the rest waits in the kernel.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools
import msgspec
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from agent_runner.api.page_files import ABORT
from agent_runner.api.security import REFUSED
from agent_runner.app.connections import Connections
from agent_runner.app.http_refusals import (
    HeadTimeoutError,
    answer,
    check_authority,
    check_bodiless,
    invalid,
    too_large,
    too_many,
)
from agent_runner.errors import AgentRunnerError

LINGER_S = 2.0
"""So long a refused client may read why, while what it goes on sending is thrown away."""

MOST_HEADERS = 128
READ_BYTES = 32 << 10

_HEAD_END = b"\r\n\r\n"
# Filled and emptied in one turn of the event loop: all connections share it.
_BUFFER = memoryview(bytearray(READ_BYTES))


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection may take."""

    head_bytes: int
    head_s: float
    keep_alive_s: float
    pipelined: int


class HttpConnection(asyncio.BufferedProtocol):
    """Reads at most READ_BYTES at a time and passes them on.

    A protocol that is given bytes gets up to 256 KiB at a time, for each connection.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: HttpLimits,
        connections: Connections,
    ) -> None:
        self._http = _Http(config, server_state, app_state, _loop, limits, connections)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self._http.data_received(bytes(_BUFFER[:nbytes]))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._http.connection_made(cast("asyncio.Transport", transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._http.connection_lost(exc)

    def eof_received(self) -> None:
        """The client says nothing more: the transport closes by itself."""

    def pause_writing(self) -> None:
        """The client does not read."""
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self._http.resume_writing()


class _Flow(FlowControl):
    """Reading that stays paused while bytes are held back, whoever wants to go on."""

    held = False

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()


class _Http(HttpToolsProtocol):
    """A connection reads a head, then maybe a body, then the next head.

    `_spent` are the bytes of a head, or around the pieces of a body, since the last one that
    came to its end; they are what is bounded.
    """

    flow: _Flow
    _served: RequestResponseCycle

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
        limits: HttpLimits,
        connections: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self.url = b""
        self.reserved = False
        self.timeout_keep_alive = limits.keep_alive_s  # type: ignore[assignment] # a float will do
        self._limits = limits
        self._all = connections
        self._in_head = True
        self._spent = 0
        self._got_on = False
        self._header_count = 0
        self._held = b""
        self._deadline: asyncio.TimerHandle | None = None
        self._refusal: AgentRunnerError | None = None
        self._leaving = False

    # --- the transport ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self._set_deadline()
        self._all.admit(self)
        if self.reserved:
            self.app = self._all.only_health(self.app)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._no_deadline()
        self._unset_keepalive_if_required()
        self._held = b""
        self._all.gone(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._leaving or self._refusal is not None:
            return
        self._unset_keepalive_if_required()
        self._feed(self._held + data)

    def close(self) -> None:
        """Close it when what was written is sent."""
        self.transport.close()

    @property
    def descriptor(self) -> int:
        """Its number."""
        return int(self.transport.get_extra_info("socket").fileno())

    @property
    def _answering(self) -> bool:
        """True if a request has come whose answer is not whole."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    # --- bytes --------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        """Parse `data`, as far as there is room for what is in it."""
        at, view = 0, memoryview(data)
        self._held = b""
        while at < len(data) and not self._leaving and self._refusal is None:
            if self._is_full():
                self._held = data[at:]
                self.flow.held = True
                self.flow.pause_reading()
                return
            at = self._parse(view, at, self._piece_end(data, at))
        if self._in_head and self._spent and self._deadline is None:
            self._set_deadline()

    def _is_full(self) -> bool:
        """True if so much waits for the present request's answer that no more is taken."""
        if not self.pipeline:
            return False
        return (
            len(self.pipeline) >= self._limits.pipelined or len(self.cycle.body) > HIGH_WATER_LIMIT
        )

    def _piece_end(self, data: bytes, at: int) -> int:
        """Up to where `data` may be parsed: not far behind the end of one request."""
        most = min(len(data), at + self._limits.head_bytes + 1 - self._spent)
        found = data.find(_HEAD_END, at, most)
        return most if found < 0 else found + len(_HEAD_END)

    def _parse(self, view: memoryview, at: int, end: int) -> int:
        """Have the parser take a piece; up to where it has."""
        self._got_on = False
        try:
            self.parser.feed_data(view[at:end])
        except httptools.HttpParserUpgrade as upgrade:
            # No other protocol is spoken: the answer is HTTP, and so is what follows.
            end = at + max(1, int(upgrade.args[0]))
        except httptools.HttpParserError as error:
            reason = error.__context__
            self.refuse(reason if isinstance(reason, AgentRunnerError) else invalid(error))
            return end
        self._spent = 0 if self._got_on else self._spent + end - at
        if self._spent > self._limits.head_bytes:
            url = self.url if self._in_head and not self._header_count else b""
            self.refuse(too_large(url, self._limits.head_bytes))
        return end

    # --- from the parser ------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._header_count = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer after the body, which nobody reads."""
        self._header_count += 1
        if self._header_count > MOST_HEADERS:
            raise too_many(MOST_HEADERS)
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: the request begins to be served."""
        self._in_head = False
        self._got_on = True
        self._no_deadline()
        check_authority(self.url, self.headers)
        if self.parser.should_upgrade():
            check_bodiless(self.headers)
        self._all.works(self)
        super().on_headers_complete()
        if self.reserved:
            self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._served = cycle
        cycle.scope[ABORT] = self.transport.abort  # type: ignore[literal-required]
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_head = True
        self._got_on = True
        self._no_deadline()
        super().on_message_complete()

    # --- answers --------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """An answer is written: the next request that waits is served, or waited for.

        Whoever was not let in need not be answered again and again: what waits is dropped.
        """
        if self.pipeline and REFUSED in self._served.scope:
            self.pipeline.clear()
            self.transport.close()
            return
        super().on_response_complete()
        if self.transport.is_closing() or self._leaving:
            return
        if not self._answering:
            self._all.waits(self)
            if (refusal := self._refusal) is not None:
                self._say_refusal(refusal)
                return
            if not self._in_head or self._spent:
                self._unset_keepalive_if_required()
                if self._deadline is None:
                    self._set_deadline()
        if self.flow.held and self._refusal is None:
            self.flow.held = False
            self._unset_keepalive_if_required()
            self._feed(self._held)
            if not self.flow.held:
                self.flow.resume_reading()

    def refuse(self, error: AgentRunnerError, *, at_once: bool = False) -> None:
        """Take nothing more from this connection; say why when what it asked is answered.

        `at_once` its descriptor is free again: it is not waited for the client to read.
        """
        if self._refusal is not None or self._leaving:
            return
        self._refusal = error
        self._held = b""
        self._no_deadline()
        self._all.refusals.note(error.code)
        if self._answering:
            asked = self.cycle
            if self.pipeline or asked.response_started or not asked.more_body:
                self.flow.held = True
                self.flow.pause_reading()
                return
            # Its own body is what is wrong, or the client is slow: nobody waits for the rest.
            asked.disconnected = True
            asked.message_event.set()
        self._say_refusal(error)
        if at_once:
            self.transport.close()

    def _say_refusal(self, error: AgentRunnerError) -> None:
        self._leaving = True
        self._unset_keepalive_if_required()
        self._all.leaves(self)
        if self.transport.is_closing():
            return
        self.transport.write(answer(error, self.server_state.default_headers))
        # Who is still sending would be reset, and could lose the answer, were it closed now.
        self.transport.write_eof()
        self.flow.held = False
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(LINGER_S, self.transport.abort)

    # --- time -----------------------------------------------------------------------------------

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(self._limits.head_s, self._too_late)

    def _no_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if not self._in_head:
            # Its answer is given; what is left of its body is not waited for any longer.
            self.transport.close()
            return
        self.refuse(
            HeadTimeoutError(
                "head_timeout",
                f"the request's head was not there after {self._limits.head_s:g} s",
                hint="send it faster, or in one piece",
            )
        )
