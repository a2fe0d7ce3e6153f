"""Warm processes: one per conversation, kept for the next prompt."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal, Protocol

import anyio
import msgspec
import psutil
import structlog

from agent_runner.agents.base import AgentOptions, Form
from agent_runner.events.session import SessionClosed, SessionWarning
from agent_runner.runners.cli_process import CliProcess
from agent_runner.settings import Timeouts

log = structlog.get_logger(__name__)

_MEMORY_CHECK_S = 1.0
_WORK_CHECK_S = 1.0
"""What a process begins by itself, and ends, nobody tells the pool of."""

Expiry = Literal["idle_closed", "lifetime_closed"]
Reason = Literal["idle_closed", "lifetime_closed", "evicted", "low_memory"]


class Tell(Protocol):
    """Takes what happens to a conversation's process between two runs."""

    async def __call__(self, conversation_id: str, event: SessionWarning | SessionClosed) -> None:
        """Publish it."""
        ...


class WarmProcess:
    """A process between two turns, what it was started for, and when it ends by itself.

    One that has work left to do in the background is not idle. A one-shot process is kept for
    such work alone, for as long as a run may take.
    """

    def __init__(
        self, agent_id: str, process: CliProcess, options: AgentOptions, timeouts: Timeouts
    ) -> None:
        self.agent_id = agent_id
        self.process = process
        self.options = options
        self.warned = False
        self._given = anyio.current_time()
        self._idle_s = timeouts.session_idle_ms / 1000
        self._ends = process.born + timeouts.session_lifetime_ms / 1000
        if process.form is Form.ONE_SHOT:
            self._ends = min(self._ends, self._given + timeouts.command_ms / 1000)

    @property
    def since(self) -> float:
        """When it became idle, by the monotonic clock; when its turn was over while it works."""
        return max(self._given, self.process.background.rested_at)

    @property
    def until(self) -> float:
        """When it is to end."""
        if self.process.background.working:
            return self._ends
        return min(self.since + self._idle_s, self._ends)

    def warn(self) -> None:
        """Its end was told ahead."""
        self.warned = True

    @property
    def reason(self) -> Expiry:
        """Why it is to end then."""
        return "idle_closed" if self.until < self._ends else "lifetime_closed"


class WarmPool:
    """Keeps at most `size` idle processes, each for its time; the longest unused goes first.

    Those that have work left to do in the background stay besides.

    Before one ends by its time a warning comes, `warning` seconds ahead. While the machine
    has less than `memory_floor` bytes of memory to give, processes end as well.
    """

    def __init__(self, size: int, warning: float, memory_floor: int, tell: Tell) -> None:
        self.size = size
        self._warning = warning
        self._memory_floor = memory_floor
        self._tell = tell
        self._processes: OrderedDict[str, WarmProcess] = OrderedDict()
        self._sooner = anyio.Event()
        self._awaited = math.inf
        self._ending: dict[str, anyio.Event] = {}

    @property
    def processes(self) -> dict[str, WarmProcess]:
        """What is warm, by conversation; the longest unused first."""
        return dict(self._processes)

    def peek(self, conversation_id: str) -> CliProcess | None:
        """The conversation's process, which stays warm."""
        warm = self._processes.get(conversation_id)
        return None if warm is None else warm.process

    async def take(
        self, conversation_id: str, options: AgentOptions, form: Form
    ) -> CliProcess | None:
        """The conversation's process, if it lives and was started so and with these options.

        One that differs in its model or permission mode alone is told the other, if it can be.

        When this returns None, no earlier process of the conversation lives any more.
        """
        await self._ended(conversation_id)
        warm = self._processes.get(conversation_id)
        if warm is None:
            return None
        fits = warm.process.form is form and _fits(warm, options)
        if fits and warm.process.alive and anyio.current_time() < warm.until:
            del self._processes[conversation_id]
            return warm.process
        async with self._end(conversation_id, "replaced"):
            return None

    async def give(self, conversation_id: str, warm: WarmProcess) -> None:
        """Keep a process whose turn is over, in the place of the longest unused one."""
        if not warm.process.alive:
            return
        self._processes[conversation_id] = warm
        if self._moment(warm) < self._awaited:
            self._sooner.set()
        while len(idle := self._idle()) > self.size:
            await self._close(idle[0], "evicted")

    async def rested(self, conversation_id: str, process: CliProcess) -> None:
        """Its work in the background is over: a one-shot process may leave, another is idle."""
        warm = self._processes.get(conversation_id)
        if warm is None or warm.process is not process or process.background.working:
            return
        if process.form is not Form.ONE_SHOT:
            self._sooner.set()
            return
        async with self._taken_out(conversation_id):
            await process.leave()

    async def drop(self, conversation_id: str) -> None:
        """End the conversation's process, if it has one."""
        await self._ended(conversation_id)
        if conversation_id in self._processes:
            async with self._end(conversation_id, "session_ended"):
                pass

    async def keep_time(self) -> None:
        """Warn of and end processes as their time comes; runs for ever."""
        while True:
            self._sooner = anyio.Event()
            now = anyio.current_time()
            for conversation_id, warm in list(self._processes.items()):
                if self._processes.get(conversation_id) is not warm:
                    continue  # taken or ended, while another one was
                if warm.until <= now:
                    await self._close(conversation_id, warm.reason)
                elif not warm.warned and warm.until - self._warning <= now:
                    warm.warn()
                    await self._warn(conversation_id, warm, warm.until - now)
            self._awaited = min(map(self._moment, self._processes.values()), default=math.inf)
            if len(self._idle()) < len(self._processes):
                self._awaited = min(self._awaited, anyio.current_time() + _WORK_CHECK_S)
            with anyio.CancelScope(deadline=self._awaited):
                await self._sooner.wait()

    async def keep_memory(self) -> None:
        """End the longest unused process while the machine is short of memory; runs for ever."""
        while True:
            await anyio.sleep(_MEMORY_CHECK_S)
            if self._processes and psutil.virtual_memory().available < self._memory_floor:
                await self._close([*self._idle(), *self._processes][0], "low_memory")

    async def close(self) -> None:
        """End every process, side by side."""
        async with anyio.create_task_group() as tasks:
            while self._processes:
                _, warm = self._processes.popitem()
                tasks.start_soon(warm.process.end, None, "shutdown")

    def _idle(self) -> list[str]:
        """The conversations whose process has nothing left to do; the longest unused first."""
        return [key for key, warm in self._processes.items() if not warm.process.background.working]

    def _moment(self, warm: WarmProcess) -> float:
        """When something is to be done with it, if it is still warm then."""
        return warm.until if warm.warned else warm.until - self._warning

    async def _close(self, conversation_id: str, reason: Reason) -> None:
        log.info("warm_process_closed", conversation_id=conversation_id, reason=reason)
        async with self._end(conversation_id, reason) as process:
            await self._told(conversation_id, SessionClosed(reason=reason, pid=process.pid))

    @asynccontextmanager
    async def _end(self, conversation_id: str, reason: str) -> AsyncGenerator[CliProcess, None]:
        """End what is kept; whoever asks for the conversation waits until the block is over."""
        async with self._taken_out(conversation_id) as process:
            await process.end(reason=reason)
            yield process

    @asynccontextmanager
    async def _taken_out(self, conversation_id: str) -> AsyncGenerator[CliProcess, None]:
        """Keep it no more; whoever asks for the conversation waits until the block is over."""
        process = self._processes.pop(conversation_id).process
        ended = self._ending[conversation_id] = anyio.Event()
        try:
            yield process
        finally:
            del self._ending[conversation_id]
            ended.set()

    async def _ended(self, conversation_id: str) -> None:
        """Wait while an earlier process of the conversation is being ended."""
        if (ending := self._ending.get(conversation_id)) is not None:
            await ending.wait()

    async def _warn(self, conversation_id: str, warm: WarmProcess, left: float) -> None:
        event = SessionWarning(
            reason=warm.reason, closes_in_ms=round(left * 1000), pid=warm.process.pid
        )
        await self._told(conversation_id, event)

    async def _told(self, conversation_id: str, event: SessionWarning | SessionClosed) -> None:
        try:
            await self._tell(conversation_id, event)
        except Exception:  # a stream that cannot be told must not keep a process alive
            log.exception("session_event_not_told", conversation_id=conversation_id)


def _fits(warm: WarmProcess, options: AgentOptions) -> bool:
    """True if the process has these options, or has been given them."""
    if warm.options == options:
        return True
    same = msgspec.structs.replace(
        warm.options, model=options.model, permission_mode=options.permission_mode
    )
    return same == options and warm.process.reconfigure(options)
