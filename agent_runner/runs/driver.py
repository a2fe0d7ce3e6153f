"""Drives one accepted run from the queue to its one end."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import AgentOptions
from agent_runner.agents.custom.adapter import CustomAdapter
from agent_runner.agents.registry import adapter_for
from agent_runner.approvals.service import ApprovalService
from agent_runner.attachments.service import AttachmentService
from agent_runner.bus.channel import Batch
from agent_runner.bus.observers import Observers
from agent_runner.bus.stored import new_event
from agent_runner.errors import AgentRunnerError
from agent_runner.events.notice import Notice
from agent_runner.events.run import PromptSteered
from agent_runner.latch import first_of
from agent_runner.routing.router import Router
from agent_runner.routing.trials import Trial, Trials
from agent_runner.runners.cli_runner import RunRequest
from agent_runner.runners.launcher import LaunchError
from agent_runner.runs.active import ActiveRun
from agent_runner.runs.announcements import RunBegins, RunEnded
from agent_runner.runs.attempts import Attempts, NotBegunError
from agent_runner.runs.background import BackgroundRun
from agent_runner.runs.hints import HINTS
from agent_runner.runs.outcome import (
    both,
    failed,
    finished_event,
    judge,
    stopped,
    with_hint,
)
from agent_runner.runs.processes import Processes
from agent_runner.runs.queue import QueueSlot
from agent_runner.runs.session_watch import SessionWatch
from agent_runner.runs.stop import StopReason
from agent_runner.settings import Settings, Timeouts
from conversation_store.codes import FailureCode
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import AgentRecord, RunOutcome, StoredEvent
from conversation_store.states import RunState
from fallback.plan import CommMode, Plan, Source

log = structlog.get_logger(__name__)

VERSION_WAIT_S = 5.0


class RunDriver:
    """Waits for the agent, finds a process, runs the turn, commits the end."""

    def __init__(
        self,
        store: Store,
        processes: Processes,
        router: Router,
        trials: Trials,
        approvals: ApprovalService,
        settings: Settings,
        raw_dir: Path,
        observers: Observers,
        sessions: SessionWatch,
        attachments: AttachmentService,
    ) -> None:
        self._store = store
        self._observers = observers
        self._sessions = sessions
        self._attachments = attachments
        self._processes = processes
        self._approvals = approvals
        self._router = router
        self._trials = trials
        self._settings = settings
        self._raw_dir = raw_dir

    def idle_request(
        self, agent: AgentRecord, options: AgentOptions, conversation_id: str, plan: Plan
    ) -> RunRequest:
        """What a process of the agent is started for that has no prompt yet."""
        timeouts = self._settings.supervision.with_overrides(options.timeouts)
        return RunRequest(
            run_id="",
            conversation_id=conversation_id,
            agent_id=agent.agent_id,
            agent_type=agent.type,
            options=options,
            prompt="-",
            raw_path=self._raw_dir,
            timeouts=timeouts,
            warn_on_stall=False,
            hold_ms=self._settings.approvals.hold_ms,
            resume_attempts=1,
            terminal=plan.mode is CommMode.TMUX,
            reads=self._folder_of(conversation_id),
            more_env=_for_tools(agent.type, timeouts),
        )

    async def drive(self, active: ActiveRun, agent: AgentRecord, slot: QueueSlot) -> None:
        """Bring the run to its end, whatever happens; its end is committed before this returns.

        Only a run that the service stops for while it is queued, or held by an approval, may
        stay so, for the next start.
        """
        outcome: RunOutcome | None = None
        begun = anyio.current_time()
        waits = not slot.ready.is_set()
        try:
            outcome = await self._wait_for_turn(active, slot)
            async with active.changing:
                active.queued = False
            if outcome is None:
                begun = anyio.current_time()
                if waits:
                    await self._sessions.look(
                        active.spec.agent_type, active.spec.options, active.run.conversation_id
                    )
                outcome = await self._run(active, agent)
            elif active.steered:
                await self._tell_steered(active)
            elif self._stays_queued(active):
                self._leave(active)
                return
            if await self._stays_held(active, outcome):
                self._leave(active)
                return
        except AgentRunnerError as error:
            outcome = failed(error.code, error.message, error.hint)
        except StoreError as error:
            outcome = failed(FailureCode.INTERNAL, error.message)
        except Exception:
            log.exception("run_failed_inside", run_id=active.run_id)
            outcome = failed(FailureCode.INTERNAL, "the service failed; its log has the details")
        finally:
            if not active.done.is_set():
                elapsed = round((anyio.current_time() - begun) * 1000)
                ended = stopped(StopReason.SHUTDOWN) if outcome is None else outcome
                with anyio.CancelScope(shield=True):
                    await self._finish(active, msgspec.structs.replace(ended, duration_ms=elapsed))

    async def drive_background(self, active: BackgroundRun, cause: ActiveRun | None) -> None:
        """Wait for the end of what a CLI does by itself, and commit it: after that of its cause."""
        outcome = stopped(StopReason.SHUTDOWN)
        begun = anyio.current_time()
        try:
            outcome = await active.outcome_of()
            if cause is not None:
                await cause.done.wait()
        finally:
            elapsed = round((anyio.current_time() - begun) * 1000)
            with anyio.CancelScope(shield=True):
                await self._finish(active, msgspec.structs.replace(outcome, duration_ms=elapsed))

    async def _learn(self, active: ActiveRun, outcome: RunOutcome, trial: Trial) -> None:
        try:
            changes = await self._trials.end(trial, outcome, active.progress.broken_lines)
            if changes:
                await active.emit(changes)
        except Exception:  # what cannot be told of a circuit must not keep a run open
            log.exception("circuit_not_recorded", run_id=active.run_id)

    async def _tell_steered(self, active: ActiveRun) -> None:
        assert active.steered_into is not None
        into, turn = active.steered_into, active.run.turn_id
        await active.emit([PromptSteered(into_run_id=into, turn_id=turn)])

    def _leave(self, active: ActiveRun) -> None:
        """The run stays as it is, for the next start."""
        self._observers.announce(RunEnded(run_id=active.run_id, outcome=None))
        active.done.set()

    def _stays_queued(self, active: ActiveRun) -> bool:
        shutdown = active.stop.reason is StopReason.SHUTDOWN
        return shutdown and self._settings.supervision.resume_queued

    async def _stays_held(self, active: ActiveRun, outcome: RunOutcome) -> bool:
        """True if the service stops, and a decision can still bring the run to its end."""
        if active.stop.reason is not StopReason.SHUTDOWN or outcome.state is RunState.SUCCEEDED:
            return False
        return await self._approvals.held(active.run_id)

    async def _wait_for_turn(self, active: ActiveRun, slot: QueueSlot) -> RunOutcome | None:
        """None when the agent is free for this run; how it ended if that never came."""
        if slot.ready.is_set() and not active.stop.asked.is_set():
            return None
        with anyio.move_on_after(self._settings.limits.queue_wait_ms / 1000):
            latches = [active.stop.asked, slot.ready]
            await first_of(*latches, *filter(None, [active.taken_in]))
        if active.steered:
            return RunOutcome(state=RunState.SUCCEEDED, steered_into=active.steered_into)
        if active.stop.reason is not None:
            return stopped(active.stop.reason)
        if slot.ready.is_set():
            return None
        return RunOutcome(
            state=RunState.TIMED_OUT,
            code=FailureCode.QUEUE_TIMEOUT,
            error="the agent was busy for longer than a run may wait",
        )

    async def _run(self, active: ActiveRun, agent: AgentRecord) -> RunOutcome:
        """The way that is open now, and once another one if the first led nowhere."""
        plan = self._plan(active, agent)
        if not active.held:
            self._observers.announce(
                RunBegins(
                    run=active.run,
                    agent=agent,
                    options=active.spec.options,
                    timeouts=active.spec.timeouts,
                    plan=plan,
                )
            )
        outcome = await self._leg(active, agent, plan)
        other = self._router.after(plan, agent, outcome.code, acted=active.progress.acted)
        if other is None or not active.stop.withdraw():
            return outcome
        again = await self._leg(active, agent, other, after=outcome)
        return both(plan.mode, outcome, other.mode, again)

    def _plan(self, active: ActiveRun, agent: AgentRecord) -> Plan:
        """What stands now counts; a run that a decision brings back goes the way it went."""
        if active.held:
            run = active.run
            source = Source(run.route.get("source", Source.COMM_MODE))
            return Plan(mode=CommMode(run.mode), source=source, reason=run.reason)
        return self._router.plan(agent, active.run.route.get("requested"), begins=True)

    async def _leg(
        self,
        active: ActiveRun,
        agent: AgentRecord,
        plan: Plan,
        after: RunOutcome | None = None,
    ) -> RunOutcome:
        """One attempt by `plan`; what it says of the CLI is learnt whatever becomes of it.

        Begun before anything is waited for: what the plan was made of still stands. A run that
        a decision brings back is not asked for again whether it may begin.
        """
        trial = None if active.held else await self._trials.begin(plan, agent, active.run_id)
        outcome: RunOutcome | None = None
        try:
            await active.route(plan, None if after is None else after.code)
            outcome = await self._attempt(active, agent, plan)
        except LaunchError as error:
            outcome = failed(error.code, error.message, error.hint)
        finally:
            if trial is not None:
                ended = stopped(StopReason.SHUTDOWN) if outcome is None else outcome
                with anyio.CancelScope(shield=True):
                    await self._learn(active, ended, trial)
        return outcome

    async def _attempt(self, active: ActiveRun, agent: AgentRecord, plan: Plan) -> RunOutcome:
        run, options = active.run, active.spec.options
        request = RunRequest(
            run_id=run.run_id,
            conversation_id=run.conversation_id,
            agent_id=agent.agent_id,
            agent_type=agent.type,
            options=options,
            prompt=run.prompt,
            attachments=await self._files_of(active, plan),
            reads=self._folder_of(run.conversation_id),
            raw_path=self._raw_dir / run.run_id,
            timeouts=active.spec.timeouts,
            warn_on_stall=(options.on_stall or self._settings.supervision.on_stall) == "warn",
            hold_ms=self._settings.approvals.hold_ms,
            resume_attempts=self._settings.approvals.resume_attempts,
            terminal=plan.mode is CommMode.TMUX,
            more_env=_for_tools(agent.type, active.spec.timeouts),
        )
        attempts = Attempts(self._store, self._processes, self._approvals, active, request)
        try:
            process, turn_result = await attempts.run()
        except NotBegunError:
            assert active.stop.reason is not None
            return stopped(active.stop.reason)
        version = process.cli_version
        if version is None:
            with anyio.move_on_after(VERSION_WAIT_S):
                version = await self._processes.runner.launcher.version(agent.type)
        if version is not None and attempts.began_process:
            await self._tell_version(active, version)
        return msgspec.structs.replace(
            judge(turn_result, active.stop.reason, adapter_for(agent.type)),
            form=process.form,
            session_id=process.session_id,
            cli_version=version,
            exit_code=process.exit_code,
            model=active.progress.model or options.model,
        )

    async def _files_of(self, active: ActiveRun, plan: Plan) -> list[Attachment]:
        """The prompt's files; images with their bytes, where the CLI takes them in this form."""
        run, options = active.run, active.spec.options
        if not run.attachments:
            return []
        terminal = plan.mode is CommMode.TMUX
        form = self._processes.runner.form_of(active.spec.agent_type, options, terminal=terminal)
        inline = form in adapter_for(active.spec.agent_type).image_forms
        return await self._attachments.for_cli(run.conversation_id, run.attachments, inline=inline)

    def _folder_of(self, conversation_id: str) -> str | None:
        folder = self._attachments.folder_of(conversation_id)
        return str(folder) if folder.is_dir() else None

    async def _tell_version(self, active: ActiveRun, version: str) -> None:
        """Note that the conversation's CLI is another one than in its run before this."""
        before = await self._store.runs.version_before(active.run)
        if before is None or before == version:
            return
        notice = Notice(
            code="cli_version_changed",
            level="info",
            message=f"the CLI is {version}; it was {before} in the conversation's last run",
            data={"version": version, "before": before},
        )
        await active.emit([notice])

    async def _finish(self, active: ActiveRun, outcome: RunOutcome) -> None:
        outcome = msgspec.structs.replace(
            with_hint(outcome),
            turn_id=wire.new_id("turn") if outcome.answer is not None else None,
            metadata=active.run.metadata,
        )
        active.close()
        now = wire.now()
        if not await self._commit_end(active, outcome, now):
            # Nobody may hear of a success that the store does not have.
            outcome = msgspec.structs.replace(
                outcome,
                state=RunState.FAILED,
                code=FailureCode.INTERNAL,
                error="what the run did, or its end, could not be stored",
                hint=HINTS[FailureCode.INTERNAL],
            )
            await self._commit_end(active, outcome, now)
        self._approvals.run_ended(active.run_id)
        self._observers.announce(RunEnded(run_id=active.run_id, outcome=outcome))
        active.finish(outcome, now)

    async def _commit_end(self, active: ActiveRun, outcome: RunOutcome, now: str) -> bool:
        """False if it is not stored, or is not true: what the run did is lost."""
        events = [new_event(finished_event(outcome))]

        def untrue() -> bool:
            return outcome.code != FailureCode.INTERNAL and active.channel.lost(active.run_id)

        async def end(before: Batch) -> list[StoredEvent] | None:
            # What was on its way before this commit is stored by now, or lost.
            if untrue():
                return None
            return await self._store.runs.finish(
                active.run_id,
                outcome,
                events,
                now=now,
                started_at=active.started_at,
                before=before,
            )

        try:
            await active.channel.commit_jointly(end)
        except StoreError as error:
            log.error("run_end_not_stored", run_id=active.run_id, code=error.code)
        except Exception:
            log.exception("run_end_not_stored", run_id=active.run_id, state=outcome.state)
        else:
            return not untrue()
        return False


def _for_tools(agent_type: str, timeouts: Timeouts) -> dict[str, str]:
    """What a supervised tool is told (runbooks/approval-protocol.md)."""
    if agent_type != CustomAdapter.type:
        return {}
    return {"AGENT_RUNNER_HEARTBEAT_MS": str(timeouts.heartbeat_interval_ms)}
