"""A program's stderr: read, masked, kept, with its end at hand to explain a failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import anyio
import anyio.lowlevel

from agent_runner.latch import Latch
from agent_runner.process.child import Child
from agent_runner.process.lines import LineFramer, OversizeLine
from agent_runner.process.redact import Redactor
from agent_runner.runners.raw_output import RawOutput

TAIL_BYTES = 64 << 10

Take = Callable[[list[bytes]], Awaitable[None]]


class Stderr:
    """Reads to the end of the stream; `take`, if there is one, gets its lines as they come."""

    def __init__(
        self,
        child: Child,
        raw: RawOutput,
        *,
        secrets: Iterable[str],
        line_limit: int,
        take: Take | None,
    ) -> None:
        self.ended = Latch()
        self._child = child
        self._raw = raw
        self._redactor = Redactor(secrets)
        self._framer = LineFramer(line_limit)
        self._take = take
        self._kept = bytearray()

    @property
    def tail(self) -> str:
        """The last TAIL_BYTES as text."""
        return bytes(self._kept[-TAIL_BYTES:]).decode("utf-8", "replace")

    async def read(self) -> None:
        """Read to the end of the stream."""
        more = True
        while more:
            chunk = await self._child.read_stderr()
            more = bool(chunk)
            clear = self._redactor.feed(chunk) if more else self._redactor.flush()
            self._kept += clear
            if len(self._kept) > 2 * TAIL_BYTES:
                del self._kept[:-TAIL_BYTES]
            self._raw.stderr(clear)
            if self._take is not None:
                lines = self._framer.feed(clear)
                lines += [] if more else self._framer.flush()
                await self._take([line for line in lines if not isinstance(line, OversizeLine)])
            await anyio.lowlevel.checkpoint()
        self.ended.set()
