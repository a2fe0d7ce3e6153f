"""A program's stdout: read, masked, kept byte for byte, and cut into lines."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable

import anyio
import anyio.lowlevel

from agent_runner.events.base import AgentEvent
from agent_runner.events.notice import Notice
from agent_runner.process.child import Child
from agent_runner.process.lines import LineFramer, OversizeLine
from agent_runner.process.redact import Redactor
from agent_runner.runners.limits import Limits
from agent_runner.runners.raw_output import RawOutput

QUIET_S = 1.0

Lines = list[bytes | OversizeLine]
Take = Callable[[Lines], Awaitable[None]]
Tell = Callable[[list[AgentEvent]], Awaitable[None]]


class Stdout:
    """Passes lines on as they come; ends the program when it prints more than it may.

    `last` is when something last came, by the monotonic clock. `take` gets the lines, `tell`
    what there is to say of the stream itself. `originals` has those lines as they came in which
    something was masked: who answers a line has to give back what stood there.
    """

    def __init__(
        self,
        child: Child,
        raw: RawOutput,
        limits: Limits,
        *,
        secrets: Iterable[str],
        line_limit: int,
        output_limit: int,
        end_grace: float,
        take: Take,
        tell: Tell,
    ) -> None:
        self.last: float | None = None
        self.originals: dict[bytes, bytes] = {}
        self._child = child
        self._raw = raw
        self._limits = limits
        self._redactor = Redactor(secrets)
        self._framer = LineFramer(line_limit)
        self._line_at = 0
        self._cuts = 0
        self._left = self._limit = output_limit or math.inf
        self._end_grace = end_grace
        self._take = take
        self._tell = tell
        self._full = False
        self._waits = False

    def heard(self) -> None:
        """Note that it has just printed something, elsewhere perhaps."""
        self.last = anyio.current_time()

    def begin_turn(self) -> None:
        """Nothing has come yet; the bounds hold anew."""
        self.last = None
        self._full = False
        self._left = self._limit

    async def read(self) -> None:
        """Read to the end of the stream."""
        while True:
            self._waits = True
            chunk = await self._child.read_stdout()
            self._waits = False
            if not chunk:
                break
            self.last = anyio.current_time()
            if self._child.cuts != self._cuts:
                await self._note_cut()
            self._left -= len(chunk)
            if self._left < 0 and not self._limits.over:
                await self._end_for_output()
            clear = self._redactor.feed(chunk)
            await self._keep(clear, masked=clear != chunk)
            await self._pass(self._framer.feed(clear))
            await anyio.lowlevel.checkpoint()
        if held := self._redactor.flush():
            await self._keep(held, masked=b"*" in held)
            await self._pass(self._framer.feed(held))
        await self._pass(self._framer.flush())

    async def quiet_after_exit(self) -> None:
        """Wait for the program's exit and then, once it is read, for silence.

        What it has left running may hold the stream open for ever.
        """
        await self._child.wait()
        seen = -1
        while seen != self._raw.received or not self._waits:
            seen = self._raw.received
            await anyio.sleep(QUIET_S)

    async def _pass(self, lines: Lines) -> None:
        hidden = self._redactor.hidden
        for line in lines:
            start, length = (
                self._line_at,
                line.length if isinstance(line, OversizeLine) else len(line),
            )
            self._line_at += length + 1
            parts = [part for part in hidden if start <= part[0] < self._line_at]
            if parts and not isinstance(line, OversizeLine):
                original = bytearray(line)
                for at, part in parts:
                    original[at - start : at - start + len(part)] = part
                self.originals[line] = bytes(original)
        if hidden:
            hidden[:] = [part for part in hidden if part[0] >= self._line_at]
        await self._take(lines)
        self.originals.clear()

    @property
    def was_cut(self) -> bool:
        """True if something of the stream may be lost: somebody has emptied its file."""
        return self._child.cuts > 0

    async def _note_cut(self) -> None:
        self._cuts = self._child.cuts
        self._raw.cut(self._redactor.held)
        message = "another program has emptied the CLI's output file: some of it may be lost"
        await self._tell([Notice(code="output_cut", level="warning", message=message)])

    async def _end_for_output(self) -> None:
        limit = round(self._limit)
        used = round(limit - self._left)
        await self._tell([self._limits.output(used, limit)])
        await self._child.end(term_grace=0)

    async def _keep(self, chunk: bytes, *, masked: bool) -> None:
        if self._raw.stdout(chunk, masked=masked) or self._full:
            return
        self._full = True
        await self._tell([Notice(code="raw_log_full", level="warning")])
        if self._raw.spooled:
            await self._child.end(term_grace=self._end_grace)
