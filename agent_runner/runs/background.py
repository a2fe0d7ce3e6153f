"""The run of what a CLI does by itself, after an answer."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import msgspec
import structlog

from agent_runner.agents.registry import adapter_for
from agent_runner.approvals.service import ApprovalService
from agent_runner.events.message import TurnCompleted
from agent_runner.events.permission import PermissionRequested
from agent_runner.latch import Latch
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.sink import Asker
from agent_runner.runs.active import ActiveRun, BeginBackground
from agent_runner.runs.ask import denial
from agent_runner.runs.begun import BegunRun
from agent_runner.runs.outcome import judge, stopped
from agent_runner.runs.stop import StopReason
from conversation_store.codes import FailureCode
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import NewRun, RunOutcome
from conversation_store.states import RunState

log = structlog.get_logger(__name__)

_UNMOVED = "The question could not be kept beyond its run."
_STOPPED = "The run that asked was cancelled."
_UNTOLD = "its work is over, and the CLI told nothing of it"


def _new_run(origin: ActiveRun, caused_by: str) -> NewRun:
    """A run of the conversation of `origin`, by its way."""
    return BegunRun(
        turn_id="",
        conversation_id=origin.run.conversation_id,
        conversation_is_new=False,
        agent_id=origin.run.agent_id,
        prompt="",
        mode=origin.run.mode,
        reason=origin.run.reason,
        route={key: origin.run.route[key] for key in ("source",) if key in origin.run.route},
        timeout_ms=origin.run.timeout_ms,
        metadata={},
        trigger="background",
        caused_by=caused_by,
    )


class BackgroundRun(ActiveRun):
    """It runs from its first event until the CLI has told what came of its work."""

    def __init__(
        self,
        origin: ActiveRun,
        process: CliProcess,
        caused_by: str,
        store: Store,
        approvals: ApprovalService,
        begin_background: BeginBackground,
        files: str,
    ) -> None:
        spec = msgspec.structs.replace(origin.spec, run=_new_run(origin, caused_by), held=None)
        super().__init__(spec, origin.channel, store, approvals, begin_background, files, process)
        self.cli = process
        self._settled = Latch()
        self._wake = Latch()
        self._turn_result: TurnCompleted | None = None

    @property
    def takes_no_more(self) -> bool:
        """See `runners.sink.BackgroundSink`."""
        return self.outlet.closed

    def settle(self, turn_result: TurnCompleted | None) -> None:
        """See `runners.sink.BackgroundSink`."""
        self._turn_result = turn_result
        self._settled.set()
        self._wake.set()

    async def take_over(self, asker: Asker, questions: Sequence[PermissionRequested]) -> None:
        """See `runners.sink.BackgroundSink`."""
        try:
            await self.ask_of.take_over(asker, questions)
        except StoreError as error:
            # Nobody can answer any more: their approvals end with the other run.
            log.error("approvals_not_moved", run_id=self.run_id, code=error.code)
            for question in questions:
                await asker.answer(question, denial(_UNMOVED))

    async def outcome_of(self) -> RunOutcome:
        """How it ended, when it has; who asks it to stop has its work stopped."""
        while not (self._settled.is_set() or self.stop.asked.is_set()):
            self._wake = self.stop.new_wake()
            await self._wake.wait()
        if not self._settled.is_set():
            await self._stop()
        return self._outcome()

    async def _stop(self) -> None:
        """By message where the CLI has one; else its process is ended, unless a prompt runs."""
        grace = self.spec.timeouts.cancel_grace_ms / 1000
        shutdown = self.stop.reason is StopReason.SHUTDOWN
        if not shutdown:
            for question in self.cli.background.questions.all():
                await self.cli.answer(question, denial(_STOPPED))
            if self.cli.stop_background():
                with anyio.move_on_after(grace):
                    await self._settled.wait()
                    return
        if shutdown or self.cli.turn_over:
            await self.cli.end(grace, str(self.stop.reason))

    def _outcome(self) -> RunOutcome:
        turn_result = self._turn_result
        if turn_result is None:
            turn_result = TurnCompleted(ok=False, code=FailureCode.INTERRUPTED, error=_UNTOLD)
        outcome = judge(turn_result, self.stop.reason, adapter_for(self.spec.agent_type))
        if self.stop.reason is not None:
            end = stopped(self.stop.reason)
            outcome = msgspec.structs.replace(
                outcome, state=end.state, code=end.code, error=end.error
            )
        elif turn_result.code in (FailureCode.INTERRUPTED, FailureCode.BACKGROUND_LOST):
            outcome = msgspec.structs.replace(outcome, state=RunState.INTERRUPTED)
        return msgspec.structs.replace(
            outcome,
            form=self.cli.form,
            session_id=self.cli.session_id,
            cli_version=self.cli.cli_version,
            exit_code=self.cli.exit_code,
        )
