"""Keeps each agent's raw output within its bounds."""

from __future__ import annotations

from functools import partial

import structlog
from anyio import CapacityLimiter, to_thread

from agent_runner.runs.announcements import ConversationDeleted, RunOver
from agent_runner.runs.raw_files import RawFiles, Rotated
from agent_runner.settings import LogSettings
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store

log = structlog.get_logger(__name__)

_SLACK = 10


class Rotation:
    """Counts what the runs of each agent add, and looks at their files only when it is too much.

    Too much is one part in _SLACK more runs than are to be kept, or any byte more. What an
    earlier service left is looked at after an agent's first run.
    """

    def __init__(self, store: Store, files: RawFiles, settings: LogSettings) -> None:
        self._store = store
        self._files = files
        self._settings = settings
        self._most_runs = settings.agent_runs + settings.agent_runs // _SLACK
        self._kept: dict[str, Rotated] = {}
        self._one_at_a_time = CapacityLimiter(1)

    async def on_over(self, over: RunOver) -> None:
        """Observe runs: look at the output of one of a prompt that is over."""
        if over.run.trigger == "prompt":
            await self.after(over.run.agent_id, over.run.run_id)

    def on_deleted(self, deleted: ConversationDeleted) -> None:
        """Observe conversations: the output of one that is no more goes with it."""
        for run_id in deleted.run_ids:
            self._files.remove(run_id)

    async def after(self, agent_id: str, run_id: str) -> None:
        """Take note that the run is over; the oldest of its agent's files go if need be.

        A database or a disk that fails is only told.
        """
        try:
            if self._too_much(agent_id, run_id):
                await self._rotate(agent_id)
        except (StoreError, OSError) as error:  # looked at again after the next run
            log.warning("raw_output_not_rotated", agent_id=agent_id, error=str(error))

    def _too_much(self, agent_id: str, run_id: str) -> bool:
        kept = self._kept.get(agent_id)
        if kept is None:
            return True
        kept.runs += 1
        kept.size_bytes += self._files.size(run_id) or 0
        return kept.runs > self._most_runs or kept.size_bytes > self._settings.agent_bytes

    async def _rotate(self, agent_id: str) -> None:
        keep_bytes, keep_runs = self._settings.agent_bytes, self._settings.agent_runs
        kept = self._kept.get(agent_id)
        runs = await self._store.runs.of_agent(agent_id, since=kept.oldest if kept else "")
        rotate = partial(self._files.rotate, runs, keep_bytes=keep_bytes, keep_runs=keep_runs)
        done = await to_thread.run_sync(rotate, limiter=self._one_at_a_time)
        self._kept[agent_id] = done
        if done.removed:
            log.info("raw_output_rotated", agent_id=agent_id, runs=len(done.removed))
