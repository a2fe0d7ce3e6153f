"""Warm processes: one per conversation, kept for the next prompt."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal, Protocol

import anyio
import psutil
import structlog

from agent_runner.agents.base import AgentOptions, Form
from agent_runner.events import SessionClosed, SessionWarning
from agent_runner.runners.live import LiveCli
from agent_runner.settings import Timeouts

log = structlog.get_logger(__name__)

_MEMORY_CHECK_S = 1.0

Expiry = Literal["idle_closed", "lifetime_closed"]
Reason = Literal["idle_closed", "lifetime_closed", "evicted", "low_memory"]


class Tell(Protocol):
    """Takes what happens to a conversation's process between two runs."""

    async def __call__(self, conversation_id: str, event: SessionWarning | SessionClosed) -> None:
        """Publish it."""
        ...


class Kept:
    """A process between two turns, what it was started for, and when it ends by itself."""

    def __init__(
        self, agent_id: str, live: LiveCli, options: AgentOptions, timeouts: Timeouts
    ) -> None:
        self.agent_id = agent_id
        self.live = live
        self.options = options
        self.since = anyio.current_time()
        idle = self.since + timeouts.session_idle_ms / 1000
        lifetime = live.born + timeouts.session_lifetime_ms / 1000
        self.until = min(idle, lifetime)
        self.reason: Expiry = "idle_closed" if idle <= lifetime else "lifetime_closed"
        self.warned = False


class WarmPool:
    """Keeps at most `size` processes, each for its time; the longest unused goes first.

    Before one ends by its time a warning comes, `warning` seconds ahead. While the machine
    has less than `memory_floor` bytes of memory to give, processes end as well.
    """

    def __init__(self, size: int, warning: float, memory_floor: int, tell: Tell) -> None:
        self.size = size
        self._warning = warning
        self._memory_floor = memory_floor
        self._tell = tell
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._sooner = anyio.Event()
        self._awaited = math.inf
        self._ending: dict[str, anyio.Event] = {}

    @property
    def kept(self) -> dict[str, Kept]:
        """What is kept, by conversation; the longest unused first."""
        return dict(self._kept)

    async def take(self, conversation_id: str, options: AgentOptions, form: Form) -> LiveCli | None:
        """The conversation's process, if it lives and was started so and with these options.

        When this returns None, no earlier process of the conversation lives any more.
        """
        await self._ended(conversation_id)
        kept = self._kept.get(conversation_id)
        if kept is None:
            return None
        fits = kept.live.form is form and kept.options == options
        if fits and kept.live.alive and anyio.current_time() < kept.until:
            del self._kept[conversation_id]
            return kept.live
        async with self._end(conversation_id):
            return None

    async def give(self, conversation_id: str, kept: Kept) -> None:
        """Keep a process whose turn is over, in the place of the longest unused one."""
        if not kept.live.alive:
            return
        self._kept[conversation_id] = kept
        if self._moment(kept) < self._awaited:
            self._sooner.set()
        while len(self._kept) > self.size:
            await self._close(next(iter(self._kept)), "evicted")

    async def drop(self, conversation_id: str) -> None:
        """End the conversation's process, if it has one."""
        await self._ended(conversation_id)
        if conversation_id in self._kept:
            async with self._end(conversation_id):
                pass

    async def keep_time(self) -> None:
        """Warn of and end processes as their time comes; runs for ever."""
        while True:
            self._sooner = anyio.Event()
            now = anyio.current_time()
            for conversation_id, kept in list(self._kept.items()):
                if self._kept.get(conversation_id) is not kept:
                    continue  # taken or ended, while another one was
                if kept.until <= now:
                    await self._close(conversation_id, kept.reason)
                elif not kept.warned and kept.until - self._warning <= now:
                    kept.warned = True
                    await self._warn(conversation_id, kept, kept.until - now)
            self._awaited = min(map(self._moment, self._kept.values()), default=math.inf)
            with anyio.CancelScope(deadline=self._awaited):
                await self._sooner.wait()

    async def keep_memory(self) -> None:
        """End the longest unused process while the machine is short of memory; runs for ever."""
        while True:
            await anyio.sleep(_MEMORY_CHECK_S)
            if self._kept and psutil.virtual_memory().available < self._memory_floor:
                await self._close(next(iter(self._kept)), "low_memory")

    async def close(self) -> None:
        """End every process, side by side."""
        async with anyio.create_task_group() as tasks:
            while self._kept:
                _, kept = self._kept.popitem()
                tasks.start_soon(kept.live.end)

    def _moment(self, kept: Kept) -> float:
        """When something is to be done with it, if it is still kept then."""
        return kept.until if kept.warned else kept.until - self._warning

    async def _close(self, conversation_id: str, reason: Reason) -> None:
        log.info("warm_process_closed", conversation_id=conversation_id, reason=reason)
        async with self._end(conversation_id) as live:
            await self._told(conversation_id, SessionClosed(reason=reason, pid=live.pid))

    @asynccontextmanager
    async def _end(self, conversation_id: str) -> AsyncGenerator[LiveCli, None]:
        """End what is kept; whoever asks for the conversation waits until the block is over."""
        live = self._kept.pop(conversation_id).live
        ended = self._ending[conversation_id] = anyio.Event()
        try:
            await live.end()
            yield live
        finally:
            del self._ending[conversation_id]
            ended.set()

    async def _ended(self, conversation_id: str) -> None:
        """Wait while an earlier process of the conversation is being ended."""
        if (ending := self._ending.get(conversation_id)) is not None:
            await ending.wait()

    async def _warn(self, conversation_id: str, kept: Kept, left: float) -> None:
        event = SessionWarning(
            reason=kept.reason, closes_in_ms=round(left * 1000), pid=kept.live.pid
        )
        await self._told(conversation_id, event)

    async def _told(self, conversation_id: str, event: SessionWarning | SessionClosed) -> None:
        try:
            await self._tell(conversation_id, event)
        except Exception:  # a stream that cannot be told must not keep a process alive
            log.exception("session_event_not_told", conversation_id=conversation_id)
