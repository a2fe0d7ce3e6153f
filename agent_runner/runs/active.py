"""A run that is not over: how to stop it and how to wait for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

import anyio
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.base import AgentOptions, PermissionAnswer
from agent_runner.agents.custom import supervised_schema as supervised
from agent_runner.agents.custom.adapter import TEXT, CustomAdapter, dialect_of
from agent_runner.agents.guard import REASON
from agent_runner.agents.policy import decide
from agent_runner.agents.tool_calls import NO_PERMISSION
from agent_runner.approvals.canonical import input_hash
from agent_runner.approvals.decision import answer_of
from agent_runner.approvals.service import ApprovalRequest, ApprovalService
from agent_runner.bus.channel import Channel
from agent_runner.bus.stored import new_event
from agent_runner.errors import FailureCode
from agent_runner.events.background import BackgroundLost, BackgroundTask
from agent_runner.events.base import AgentEvent, tag_of
from agent_runner.events.line import Oversize, ParseError, Unknown
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
)
from agent_runner.events.notice import Notice
from agent_runner.events.permission import PermissionRequested, PermissionResolved
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import FileChanged, ToolCompleted, ToolStarted
from agent_runner.latch import Latch
from agent_runner.routing.plan import Plan
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.sink import Asker, Behind, Resolution
from agent_runner.settings import Timeouts
from conversation_store.errors import StoreError
from conversation_store.records import ApprovalRecord, RunOutcome, RunRecord
from conversation_store.sqlite.runs import NewRun
from conversation_store.sqlite.store import Store
from conversation_store.states import Delivery

log = structlog.get_logger(__name__)


class StopReason(StrEnum):
    """Why a run is ended before its agent is done."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    START_TIMEOUT = "start_timeout"
    STALLED = "stalled"
    SHUTDOWN = "shutdown"


_OF_THE_CLI = (StopReason.START_TIMEOUT, StopReason.STALLED)
# What cannot be read may have told of a tool that ran.
_DEEDS = (
    ToolStarted,
    ToolCompleted,
    FileChanged,
    PermissionRequested,
    ParseError,
    Unknown,
    Oversize,
)
_WORDS = (MessageDelta, MessageCompleted, ReasoningDelta, ReasoningCompleted)


WhenAsking = Callable[[], Awaitable[Sequence[AgentEvent]]]
BeginBehind = Callable[["ActiveRun", Asker, str], Awaitable[Behind | None]]


class ActiveRun:
    """Takes the run's events to its conversation's channel; `asked` is set to stop it.

    `acted` once a tool began, or asked to, or
    something could not be read: nothing is run again after it. `said` once there was a word of
    the agent's.
    `when_asking` is called when somebody is asked; what changes by that is published.
    `done` without an `outcome`: the service stopped while the run was queued, and will start it
    when it is up again.
    """

    def __init__(
        self,
        run: NewRun,
        agent_type: str,
        options: AgentOptions,
        timeouts: Timeouts,
        channel: Channel,
        store: Store,
        approvals: ApprovalService,
        begin_behind: BeginBehind,
    ) -> None:
        self.run = run
        self.agent_type = agent_type
        self.options = options
        self.timeouts = timeouts
        self.channel = channel
        self.store = store
        self.approvals = approvals
        self.begin_behind = begin_behind
        self.grants: list[ApprovalRecord] = []
        self.held = False
        self.detached = False
        self._to_ask: set[str] = set()
        self._asked: set[str] = set()
        self.asked = Latch()
        self.wake = Latch()
        self.stop_reason: StopReason | None = None
        self._stopped_again = False
        self.acted = False
        self.said = False
        self.when_asking: WhenAsking | None = None
        self.done = Latch()
        self.outcome: RunOutcome | None = None
        self.live: CliProcess | None = None
        self.broken_lines = 0
        self.over = False
        self._late = False
        self.last_event: str | None = None
        self.last_event_at: float | None = None
        self.session_id: str | None = None
        self.form: str | None = None
        self.started_at: str | None = None
        self.finished_at: str | None = None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.run_id

    @property
    def _opaque(self) -> bool:
        """True if it prints nothing but text, of which nobody can tell what it did."""
        return self.agent_type == CustomAdapter.type and dialect_of(self.options) == TEXT

    @property
    def waiting(self) -> bool:
        """True while it waits for a human, with its process or without."""
        return self.detached or (self.live is not None and self.live.questions.waiting)

    def record(self) -> RunRecord:
        """The run as the store has it, once it is over: an answer need not read it back."""
        outcome, run = self.outcome, self.run
        assert outcome is not None
        return RunRecord(
            run_id=run.run_id,
            conversation_id=run.conversation_id,
            agent_id=run.agent_id,
            state=outcome.state,
            code=outcome.code,
            error=outcome.error,
            hint=outcome.hint,
            resets_at=outcome.resets_at,
            mode=run.mode,
            reason=run.reason,
            form=outcome.form or self.form,
            cli_version=outcome.cli_version,
            session_id=outcome.session_id,
            exit_code=outcome.exit_code,
            usage=outcome.usage,
            cost_usd=outcome.cost_usd,
            metadata=outcome.metadata,
            timeout_ms=run.timeout_ms,
            timeouts=run.timeouts,
            queued_at=run.now,
            started_at=self.started_at,
            finished_at=self.finished_at,
            duration_ms=outcome.duration_ms,
            request_hash=run.request_hash,
            route=run.route,
            trigger=run.trigger,
            caused_by=run.caused_by,
        )

    def request_stop(self, reason: StopReason) -> None:
        """Ask the run to end; the first reason counts."""
        if self.stop_reason is None:
            self.stop_reason = reason
            self.asked.set()
            self.wake.set()
        else:
            self._stopped_again = True

    def go_another_way(self) -> bool:
        """Forget that the first way was ended for its silence; False if the run is to end."""
        if self._stopped_again or self.stop_reason not in (None, *_OF_THE_CLI):
            return False
        self.stop_reason = None
        self.asked = Latch()
        return True

    @property
    def suspends(self) -> bool:
        """See `runners.cli_runner.Stop`."""
        return self.stop_reason is StopReason.SHUTDOWN

    def expire(self, code: FailureCode) -> None:
        """See `runners.cli_runner.Stop`."""
        self.request_stop(StopReason(code))

    async def route(self, plan: Plan, after_code: str | None = None) -> None:
        """Write down that the run goes by `plan`, unless that was its way already."""
        detail = {**self.run.route, **plan.detail()}
        if plan.mirror is None:
            detail.pop("mirror", None)
        if after_code is not None:
            detail["afterCode"] = after_code
        run = msgspec.structs.replace(self.run, mode=plan.mode, reason=plan.reason, route=detail)
        if run == self.run:
            return
        self.run = run
        told = msgspec.structs.replace(plan.event(), after_code=after_code)
        await self.channel.commit(lambda: self.store.runs.route(run, [new_event(told)]))

    async def emit(self, events: Sequence[AgentEvent], *, last: bool = False) -> None:
        """Publish events of this run. A new CLI session is kept at once, for a later resume.

        What comes after the run's end is of the conversation and of no run, and said to be late.
        """
        if self.over:
            events = [event for event in events if not event.ephemeral]
            if not self._late and any(not isinstance(e, BackgroundLost) for e in events):
                self._late = True
                late = Notice(code="late_output", data={"runId": self.run_id})
                events = [late, *events]
            await self.channel.emit(None, events)
            return
        if events:
            self.last_event, self.last_event_at = tag_of(events[-1]), anyio.current_time()
        plain: list[AgentEvent] = []
        for event in events:
            if isinstance(event, ParseError | Unknown):
                self.broken_lines += 1
            if not self.said and isinstance(event, _WORDS):
                self.said = bool(event.text.strip())
            if isinstance(event, _DEEDS) or (isinstance(event, MessageDelta) and self._opaque):
                self.acted = True
            if isinstance(event, PermissionRequested) and event.request_id in self._to_ask:
                await self.channel.emit(self.run_id, plain)
                plain = []
                await self._ask(event)
                continue
            if isinstance(event, PermissionResolved) and event.request_id in self._asked:
                if event.decided_by == "exit":
                    # The approval outlives the process that asked.
                    continue
                if event.decision == "cancelled":
                    await self.approvals.withdraw(
                        self.run_id, event.request_id, event.message or ""
                    )
            if isinstance(event, SessionStarted) and event.session_id != self.session_id:
                self.session_id = event.session_id
                await self.store.conversations.set_session(
                    self.run.conversation_id, event.session_id, now=wire.now()
                )
            plain.append(event)
        await self.channel.emit(self.run_id, plain, hold=last)

    async def behind(self, asker: Asker, caused_by: str) -> Behind | None:
        """See `runners.sink.Sink`."""
        return await self.begin_behind(self, asker, caused_by)

    async def left(self, asker: Asker, tasks: Sequence[BackgroundTask]) -> None:
        """See `runners.sink.Sink`."""
        try:
            await self.store.processes.note_background(
                asker.process_id, wire.encode(tasks).decode()
            )
        except StoreError as error:  # told of at a crash, and at no other time
            log.warning("background_not_noted", pid=asker.pid, code=error.code)

    async def rule(self, question: PermissionRequested) -> Resolution | None:
        """See `runners.sink.Sink`: an approval from before, the policy, or a human."""
        if self.over:
            return denial("Nobody can approve this: the run that it belongs to is over.")
        name, tool_kind, cwd = question.name, question.tool_kind, self.options.cwd
        if self.approvals.guard.refuses(name, tool_kind, question.input, cwd):
            return denial(f"The service denies this: {REASON}.", REASON)
        if (granted := await self._granted(question)) is not None:
            return granted
        if self.live is not None and self.live.questions.allowed(question):
            answer = PermissionAnswer(allow=True, session=True)
            return Resolution(answer=answer, decided_by="session")
        most = supervised.MOST_ANSWERS
        if question.kind == "tool" and len(await self.approvals.decided(self.run_id)) >= most:
            return denial(f"A run may ask {most} questions.")
        kind = question.tool_kind if question.kind == "permission" else NO_PERMISSION
        ruling = decide(self.options.permissions, question.name, kind, question.input)
        if ruling.action == "ask":
            self._to_ask.add(question.request_id)
            return None
        if ruling.action == "deny":
            return denial(f"The agent's policy denies this ({ruling.rule}).", ruling.rule)
        return Resolution(
            answer=PermissionAnswer(allow=True), decided_by="policy", rule=ruling.rule
        )

    async def _granted(self, question: PermissionRequested) -> Resolution | None:
        """The answer of an approval whose process was gone, if it is just for this call."""
        if not self.grants:
            return None
        seen = input_hash(question.name, question.input)
        for approval in self.grants:
            if (approval.tool, approval.input_hash) == (question.name, seen):
                self.grants.remove(approval)
                moved = await self.approvals.move(approval, Delivery.RESUMING, Delivery.DELIVERED)
                if moved is not None:
                    return Resolution(
                        answer=answer_of(approval),
                        decided_by="grant",
                        approval_id=approval.approval_id,
                    )
        return None

    async def _ask(self, question: PermissionRequested) -> None:
        assert self.live is not None
        self._to_ask.discard(question.request_id)
        self._asked.add(question.request_id)
        approval = await self.approvals.open(
            ApprovalRequest(
                question=question,
                run_id=self.run_id,
                conversation_id=self.run.conversation_id,
                agent_id=self.run.agent_id,
                options=self.options,
                asker=self.live,
            )
        )
        if approval is None:
            # An answer is given once: it must not let the same call through again.
            message = "Just this was asked by this id and settled before, or the run is over."
            await self.emit([question])
            await self.live.answer(question, denial(message))
            return
        if question.kind == "tool":
            self.live.suspend(supervised.registered(approval.approval_id))
        if self.when_asking is not None:
            await self.channel.emit(self.run_id, await self.when_asking())


def denial(message: str, rule: str | None = None) -> Resolution:
    """A refusal that nobody decided."""
    answer = PermissionAnswer(allow=False, message=message)
    return Resolution(answer=answer, decided_by="policy", rule=rule)
