"""Warm processes: one per conversation, kept for the next prompt."""

from __future__ import annotations

from collections import OrderedDict

import anyio
import structlog

from agent_runner.agents.base import AgentOptions
from agent_runner.runners.live import LiveCli

log = structlog.get_logger(__name__)

_CHECK_S = 1.0


class _Kept:
    """A process between two turns, and what it was started for."""

    def __init__(self, live: LiveCli, options: AgentOptions, until: float) -> None:
        self.live = live
        self.options = options
        self.until = until


class WarmPool:
    """Keeps at most `size` processes, each for `idle` seconds; the longest unused goes first."""

    def __init__(self, size: int, idle: float) -> None:
        self.size = size
        self._idle = idle
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def take(self, conversation_id: str, options: AgentOptions) -> LiveCli | None:
        """The conversation's process, if it lives and was started with these options."""
        kept = self._kept.pop(conversation_id, None)
        if kept is None:
            return None
        if kept.live.alive and kept.options == options:
            return kept.live
        await kept.live.end()
        return None

    async def give(self, conversation_id: str, live: LiveCli, options: AgentOptions) -> None:
        """Keep a process whose turn is over, in the place of the longest unused one."""
        if not live.alive:
            return
        self._kept[conversation_id] = _Kept(live, options, anyio.current_time() + self._idle)
        while len(self._kept) > self.size:
            _, oldest = self._kept.popitem(last=False)
            await oldest.live.end()

    async def drop(self, conversation_id: str) -> bool:
        """End the conversation's process; False if it has none."""
        kept = self._kept.pop(conversation_id, None)
        if kept is None:
            return False
        await kept.live.end()
        return True

    async def close_idle(self) -> None:
        """End processes as their time comes; runs for ever."""
        while True:
            await anyio.sleep(_CHECK_S)
            now = anyio.current_time()
            for key in [key for key, kept in self._kept.items() if kept.until <= now]:
                log.info("warm_process_idle", conversation_id=key)
                await self.drop(key)

    async def close(self) -> None:
        """End every process."""
        while self._kept:
            await self.drop(next(iter(self._kept)))
