"""The runs of what CLIs do by themselves: begun, driven, waited for."""

from __future__ import annotations

from functools import partial

import structlog

from agent_runner.bus.bus import Bus
from agent_runner.bus.stored import new_event
from agent_runner.events.run import RunStarted
from agent_runner.latch import first_of
from agent_runner.runners.background import Background
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.cli_runner import CliRunner
from agent_runner.runners.sink import Asker
from agent_runner.runs.active import ActiveRun
from agent_runner.runs.background import BackgroundRun
from agent_runner.runs.driver import RunDriver
from agent_runner.runs.factory import RunFactory
from agent_runner.runs.registry import ActiveRuns
from agent_runner.tasks import Tasks
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store

log = structlog.get_logger(__name__)


class BackgroundRuns:
    """Begins a run where a process goes on by itself, and knows which run has led to which."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        runner: CliRunner,
        factory: RunFactory,
        driver: RunDriver,
        active: ActiveRuns,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._bus = bus
        self._runner = runner
        self._factory = factory
        self._driver = driver
        self._active = active
        self._tasks = tasks

    async def begin(self, origin: ActiveRun, asker: Asker, caused_by: str) -> BackgroundRun | None:
        """Commit the run of what a CLI does by itself, and drive it to its end.

        None if its conversation takes no more: it is deleted, or cannot be written.
        """
        assert isinstance(asker, CliProcess)
        active = self._factory.background(origin, asker, caused_by, self.begin)
        run = active.run
        started = RunStarted(
            mode=run.mode,
            reason=run.reason,
            form=asker.form,
            agent_type=origin.spec.agent_type,
            cli_version=asker.cli_version,
            pid=asker.pid,
            reused=True,
            trigger="background",
            caused_by=caused_by,
        )
        begin = partial(self._store.runs.begin_background, run, asker.form, [new_event(started)])
        # Known before it is committed: who finds it in the store waits for its end.
        self._active.add(active)
        try:
            await active.channel.commit(begin)
        except BaseException as error:
            self._active.remove(active)
            if not isinstance(error, StoreError):
                raise
            log.error("background_run_not_begun", caused_by=caused_by, code=error.code)
            return None
        self._tasks.start_soon(self._drive, active)
        return active

    async def _drive(self, active: BackgroundRun) -> None:
        try:
            cause = self._active.ending(active.run.caused_by or "")
            await self._driver.drive_background(active, cause)
        finally:
            self._active.remove(active)
            self._bus.observers.announce(active.over())

    async def settled(self, run_id: str) -> list[str]:
        """Wait for the work that a run which is over has left behind.

        The ids of the runs that this has led to, oldest first.
        """
        while (work := self._work_of(run_id)) is not None:
            await work.rest()
        return await self.ended(run_id)

    async def next(self, run_id: str, seen: int) -> str | None:
        """Wait for the next run that a run which is over has led to; None once it is settled."""
        while True:
            work = self._work_of(run_id)
            latches = [] if work is None else [work.began, work.at_rest]
            following = await self._store.runs.caused_by(run_id)
            if len(following) > seen:
                return following[seen]
            if work is None:
                return None
            await first_of(*latches)

    async def ended(self, run_id: str) -> list[str]:
        """The ids of the runs that a run has led to, oldest first, when they are over."""
        following = await self._store.runs.caused_by(run_id)
        for each in following:
            if (active := self._active.ending(each)) is not None:
                await active.done.wait()
        return following

    def _work_of(self, run_id: str) -> Background | None:
        """What works on after a run, if something does."""
        for process in self._runner.living:
            if process.background.working and process.background.serves(run_id):
                return process.background
        return None
