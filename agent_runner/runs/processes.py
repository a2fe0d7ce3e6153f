"""Finds a run its process, or starts one that is written down before it does anything."""

from __future__ import annotations

from agent_runner import wire
from agent_runner.events.base import AgentEvent
from agent_runner.events.run import RunStarted, SettingsApplied
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.cli_runner import CliRunner, RunRequest
from agent_runner.runs.active import ActiveRun
from agent_runner.tasks import Tasks
from conversation_store.interfaces import Store
from conversation_store.records import Move, ProcessRecord
from conversation_store.states import RunState


class Processes:
    """What starts in the CLI runner, as the store and the conversation's stream have it."""

    def __init__(self, store: Store, runner: CliRunner, tasks: Tasks) -> None:
        self.runner = runner
        self._store = store
        self._tasks = tasks

    async def warm(self, active: ActiveRun, request: RunRequest) -> CliProcess | None:
        """The conversation's warm process, with the run begun on it, if it has one that fits."""
        process = await self.runner.warm(request)
        if process is not None:
            await self._begin(active, process, (RunState.STARTING, RunState.RUNNING))
        return process

    async def start(
        self, active: ActiveRun, request: RunRequest, session_id: str | None
    ) -> CliProcess:
        """A new process that has the prompt; LaunchError if it cannot be started.

        It is written down while it is held, and does nothing before that.
        """
        process = await self.runner.start(request, session_id, wire.new_id("proc"))
        launcher, agent_type = self.runner.launcher, request.agent_type
        if not launcher.version_known(agent_type):
            # Asked now, so that it is known at the end, if the CLI does not tell it by itself.
            self._tasks.start_soon(launcher.version, agent_type)
        begins = active.process is None and not active.held
        try:
            await self._write_down(active, process)
            await self.runner.go(process, request)
        except BaseException:
            await process.end(0)
            raise
        if begins:
            await self._begin(active, process, (RunState.RUNNING,))
        active.serve_on(process)
        return process

    async def _write_down(self, active: ActiveRun, process: CliProcess) -> None:
        run, identity, now = active.run, process.identity, wire.now()
        record = ProcessRecord(
            process_id=identity.process_id,
            run_id=run.run_id,
            conversation_id=run.conversation_id,
            agent_id=run.agent_id,
            pid=identity.pid,
            start_ticks=identity.start_ticks,
            boot_id=identity.boot_id,
            started_at=now,
        )
        if active.starts(now):
            move = Move(run_id=run.run_id, targets=(RunState.STARTING,), now=now)
            await self._store.runs.move(move, process=record)
        else:
            await self._store.processes.add(record)

    async def _begin(
        self, active: ActiveRun, process: CliProcess, targets: tuple[RunState, ...]
    ) -> None:
        """Tell that the run has its process.

        The prompt need not wait for that to be stored: after a crash the run's raw log says
        that a CLI had it.
        """
        run, agent_type = active.run, active.spec.agent_type
        reused = targets[0] is RunState.STARTING
        active.begin_on(process)
        now = wire.now()
        active.starts(now)
        started = RunStarted(
            mode=run.mode,
            reason=run.reason,
            form=process.form,
            agent_type=agent_type,
            cli_version=process.cli_version or self.runner.launcher.known_version(agent_type),
            pid=process.pid,
            reused=reused,
        )
        told: list[AgentEvent] = [started]
        if run.overrides or process.reconfigured:
            options = active.spec.options
            told.append(
                SettingsApplied(
                    model=options.model,
                    permission_mode=options.permission_mode,
                    by="message" if reused and process.reconfigured else "process",
                )
            )
        process.reconfigured = False
        move = Move(run_id=run.run_id, targets=targets, now=now, form=process.form)
        try:
            await active.channel.emit(run.run_id, told, hold=True, move=move)
        except BaseException:
            await process.end()
            raise
