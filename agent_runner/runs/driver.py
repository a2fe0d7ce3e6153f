"""Drives one accepted run from the queue to its one end."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import structlog
from anyio.abc import TaskGroup

from agent_runner import wire
from agent_runner.agents.base import AgentOptions
from agent_runner.agents.registry import adapter_for
from agent_runner.bus.frames import new_event
from agent_runner.errors import AgentRunnerError, FailureCode
from agent_runner.events import RunStarted, TurnCompleted
from agent_runner.runners.headless import Headless, RunRequest
from agent_runner.runners.launcher import LaunchError
from agent_runner.runners.live import LiveCli
from agent_runner.runs.active import ActiveRun, StopReason
from agent_runner.runs.outcome import failed, finished_event, judge, stopped
from agent_runner.runs.queue import Ticket
from agent_runner.settings import LimitSettings
from conversation_store.errors import StoreError
from conversation_store.records import AgentRecord, RunOutcome
from conversation_store.states import RunState
from conversation_store.store import Store

log = structlog.get_logger(__name__)

VERSION_WAIT_S = 5.0


class RunDriver:
    """Waits for the agent, finds a process, runs the turn, commits the end."""

    def __init__(
        self,
        store: Store,
        headless: Headless,
        tasks: TaskGroup,
        limits: LimitSettings,
        raw_dir: Path,
    ) -> None:
        self._store = store
        self._headless = headless
        self._tasks = tasks
        self._limits = limits
        self._raw_dir = raw_dir

    async def drive(self, active: ActiveRun, agent: AgentRecord, ticket: Ticket) -> None:
        """Bring the run to its end, whatever happens; its end is committed before this returns."""
        started = anyio.current_time()
        outcome: RunOutcome | None = None
        try:
            outcome = await self._wait_for_turn(active, ticket)
            if outcome is None:
                started = anyio.current_time()
                outcome = await self._run(active, agent)
        except LaunchError as error:
            outcome = failed(error.code, error.message, error.hint)
        except AgentRunnerError as error:
            outcome = failed(error.code, error.message, error.hint)
        except StoreError as error:
            outcome = failed(FailureCode.INTERNAL, error.message)
        except Exception:
            log.exception("run_failed_inside", run_id=active.run_id)
            outcome = failed(FailureCode.INTERNAL, "the service failed; its log has the details")
        finally:
            with anyio.CancelScope(shield=True):
                elapsed = round((anyio.current_time() - started) * 1000)
                ended = stopped(StopReason.SHUTDOWN) if outcome is None else outcome
                await self._finish(active, msgspec.structs.replace(ended, duration_ms=elapsed))

    async def _wait_for_turn(self, active: ActiveRun, ticket: Ticket) -> RunOutcome | None:
        """None when the agent is free for this run; how it ended if that never came."""
        if ticket.ready.is_set() and not active.asked.is_set():
            return None
        with anyio.move_on_after(self._limits.queue_wait_ms / 1000):
            async with anyio.create_task_group() as tasks:

                async def stop() -> None:
                    await active.asked.wait()
                    tasks.cancel_scope.cancel()

                tasks.start_soon(stop)
                await ticket.ready.wait()
                tasks.cancel_scope.cancel()
        if active.stop_reason is not None:
            return stopped(active.stop_reason)
        if ticket.ready.is_set():
            return None
        return RunOutcome(
            state=RunState.TIMED_OUT,
            code=FailureCode.QUEUE_TIMEOUT,
            error="the agent was busy for longer than a run may wait",
        )

    async def _run(self, active: ActiveRun, agent: AgentRecord) -> RunOutcome:
        run = active.run
        request = RunRequest(
            run_id=run.run_id,
            conversation_id=run.conversation_id,
            agent_type=agent.type,
            options=msgspec.convert(agent.options, AgentOptions),
            prompt=run.prompt,
            raw_path=self._raw_dir / run.run_id,
        )
        live = await self._headless.kept(request)
        if live is not None:
            # The prompt need not wait for the disk: the run is acknowledged and the process
            # known. The channel keeps the run's events behind this commit.
            async with anyio.create_task_group() as tasks:
                moves = [RunState.STARTING, RunState.RUNNING]
                tasks.start_soon(self._begin, active, agent, live, moves)
                verdict = await self._turn(active, live, request)
        else:
            # A process may only start for a run that the store knows to be starting.
            active.started_at = wire.now()
            await self._store.runs.move(run, [RunState.STARTING], [], now=active.started_at)
            conversation = await self._store.conversations.get(run.conversation_id)
            live = self._headless.start(request, conversation.session_id)
            live.session_id = conversation.session_id
            # Asked now, so that it is known at the end, if the CLI does not tell it by itself.
            self._tasks.start_soon(self._headless.launcher.version, agent.type)
            await self._begin(active, agent, live, [RunState.RUNNING])
            verdict = await self._turn(active, live, request)
        version = live.cli_version
        if version is None:
            with anyio.move_on_after(VERSION_WAIT_S):
                version = await self._headless.launcher.version(agent.type)
        return msgspec.structs.replace(
            judge(verdict, active.stop_reason, adapter_for(agent.type)),
            session_id=live.session_id,
            cli_version=version,
            exit_code=live.exit_code,
        )

    async def _begin(
        self, active: ActiveRun, agent: AgentRecord, live: LiveCli, moves: list[RunState]
    ) -> None:
        """Commit that the run has its process, which is ended if that fails."""
        run = active.run
        active.session_id = live.session_id
        active.form = live.form
        now = wire.now()
        active.started_at = active.started_at or now
        started = RunStarted(
            mode=run.mode,
            reason=run.reason,
            form=live.form,
            agent_type=agent.type,
            cli_version=live.cli_version,
            pid=live.pid,
            reused=moves[0] is RunState.STARTING,
        )
        events = [new_event(started)]
        try:
            await active.channel.commit(
                lambda: self._store.runs.move(run, moves, events, now=now, form=live.form)
            )
        except BaseException:
            await live.end()
            raise

    async def _turn(self, active: ActiveRun, live: LiveCli, request: RunRequest) -> TurnCompleted:
        timeout = active.run.timeout_ms / 1000
        return await self._headless.turn(live, request, active, active, timeout)

    async def _finish(self, active: ActiveRun, outcome: RunOutcome) -> None:
        outcome = msgspec.structs.replace(
            outcome,
            turn_id=wire.new_id("turn") if outcome.answer is not None else None,
            metadata=active.run.metadata,
        )
        now = wire.now()
        if active.channel.lost(active.run_id) or not await self._commit_end(active, outcome, now):
            # Nobody may hear of a success that the store does not have.
            outcome = msgspec.structs.replace(
                outcome,
                state=RunState.FAILED,
                code=FailureCode.INTERNAL,
                error="what the run did, or its end, could not be stored",
            )
            await self._commit_end(active, outcome, now)
        active.finished_at = now
        active.outcome = outcome
        active.done.set()

    async def _commit_end(self, active: ActiveRun, outcome: RunOutcome, now: str) -> bool:
        events = [new_event(finished_event(outcome))]
        try:
            await active.channel.commit(
                lambda: self._store.runs.finish(active.run_id, outcome, events, now=now)
            )
        except StoreError as error:
            log.error("run_end_not_stored", run_id=active.run_id, code=error.code)
        except Exception:
            log.exception("run_end_not_stored", run_id=active.run_id, state=outcome.state)
        else:
            return True
        return False
