"""A run that is not over: its plain parts, and the moves between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.base import AgentOptions
from agent_runner.agents.custom.adapter import TEXT, CustomAdapter, dialect_of
from agent_runner.approvals.service import ApprovalService
from agent_runner.bus.channel import Channel
from agent_runner.bus.stored import new_event
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.permission import PermissionRequested
from agent_runner.latch import Latch
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.sink import Asker, AskPerson, BackgroundSink, Resolution
from agent_runner.runs.announcements import RunOver
from agent_runner.runs.ask import SETTLED_BEFORE, Ask, denial
from agent_runner.runs.outlet import Outlet
from agent_runner.runs.progress import Progress
from agent_runner.runs.route import route_decided
from agent_runner.runs.stop import StopSignal
from agent_runner.settings import Timeouts
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import NewRun, RunOutcome, RunRecord, ended
from fallback.plan import Plan

log = structlog.get_logger(__name__)

BeginBackground = Callable[["ActiveRun", Asker, str], Awaitable[BackgroundSink | None]]


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is: as it is stored, with what its agent and the service make of it.

    `held` is the stored run of one that an earlier service had begun and an approval holds.
    """

    run: NewRun
    agent_type: str
    options: AgentOptions
    timeouts: Timeouts
    held: RunRecord | None = None


class ActiveRun:
    """What it is (`spec`), how it is stopped (`stop`), who is asked (`ask_of`), where its events go
    (`outlet`) and how far it is (`progress`). It listens to its CLI's process (`runners.sink`).

    `done` without an `outcome`: the service stopped while the run was queued, and will start it
    when it is up again. While it is `queued` its prompt may be changed, by who holds `changing`.
    `taken_in` is set when another run's turn has taken its prompt in, if it was given that.
    """

    def __init__(
        self,
        spec: RunSpec,
        channel: Channel,
        store: Store,
        approvals: ApprovalService,
        begin_background: BeginBackground,
        files: str,
        process: CliProcess | None = None,
    ) -> None:
        held = spec.held
        self.spec = spec
        self.run = spec.run
        self.channel = channel
        self.stop = StopSignal()
        opaque = spec.agent_type == CustomAdapter.type and dialect_of(spec.options) == TEXT
        self.progress = Progress(
            opaque=opaque, acted=held is not None or spec.run.trigger == "background"
        )
        self.ask_of = Ask(spec.run, spec.options, approvals, files)
        session_id = None if process is None else process.session_id
        self.outlet = Outlet(
            spec.run.run_id, channel, store, self.progress, self.ask_of, session_id
        )
        self.done = Latch()
        self.outcome: RunOutcome | None = None
        self.changing = anyio.Lock(fast_acquire=True)
        self.queued = process is None
        self.taken_in: Latch | None = None
        self.steered_into: str | None = None
        self.process = process
        self.form: str | None = process.form.value if process is not None else None
        self.started_at: str | None = spec.run.queued_at if process is not None else None
        if held is not None:
            self.form, self.started_at = held.form, held.started_at
        self.finished_at: str | None = None
        self._store = store
        self._begin_background = begin_background
        self._detached = False

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.run_id

    @property
    def held(self) -> bool:
        """True if it was begun by an earlier service."""
        return self.spec.held is not None

    @property
    def session_id(self) -> str | None:
        """The CLI's session, once it is known."""
        return self.outlet.session_id

    @property
    def steered(self) -> bool:
        """True once another run's turn has its prompt."""
        return self.taken_in is not None and self.taken_in.is_set()

    @property
    def waiting(self) -> bool:
        """True while it waits for a human, with its process or without."""
        return self._detached or (self.process is not None and self.process.questions.waiting)

    def record(self) -> RunRecord:
        """The run as the store has it, once it is over: an answer need not read it back."""
        assert self.outcome is not None
        return ended(
            self.run,
            self.outcome,
            form=self.outcome.form or self.form,
            started_at=self.started_at,
            finished_at=self.finished_at,
        )

    def over(self) -> RunOver:
        """What is announced of its end."""
        return RunOver(
            run=self.run,
            agent_type=self.spec.agent_type,
            options=self.spec.options,
            session_id=self.session_id,
        )

    # --- its moves --------------------------------------------------------------------------

    def steer_into(self, run_id: str, taken_in: Latch) -> None:
        """Its prompt is on its way into the turn of another run, until `taken_in` is set."""
        self.steered_into, self.taken_in = run_id, taken_in

    def edit(self, prompt: str) -> None:
        """Have another prompt, which is stored."""
        self.run = msgspec.structs.replace(self.run, prompt=prompt)

    def starts(self, now: str) -> bool:
        """Note when it has started; False if it had before."""
        if self.started_at is not None:
            return False
        self.started_at = now
        return True

    def serve_on(self, process: CliProcess) -> None:
        """Go on on this process."""
        self.process = process

    def begin_on(self, process: CliProcess) -> None:
        """Begin on this process, in its form and session."""
        self.process = process
        self.form = process.form.value
        self.outlet.begin(process.session_id)

    def detach(self, *, waits: bool) -> None:
        """Note whether it waits for a decision without a process."""
        self._detached = waits

    def close(self) -> None:
        """It is over: what comes now is late, and nothing more is asked."""
        self.outlet.close()
        self.ask_of.close()

    def finish(self, outcome: RunOutcome, now: str) -> None:
        """Its end is stored."""
        self.finished_at, self.outcome = now, outcome
        self.done.set()

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
        told = new_event(route_decided(plan, after_code))
        await self.channel.commit(lambda: self._store.runs.route(run, [told]))

    # --- what its process tells it: see `runners.sink.Sink` -----------------------------------

    async def emit(self, events: Sequence[AgentEvent], *, last: bool = False) -> None:
        """Publish events of this run."""
        await self.outlet.emit(events, last=last)

    async def rule(self, question: PermissionRequested, asker: Asker) -> Resolution | AskPerson:
        """The answer of all but a person."""
        return await self.ask_of.rule(question, asker)

    async def ask(self, question: PermissionRequested, asker: Asker) -> None:
        """Have a person decide."""
        self.progress.note([question])
        if not await self.ask_of.person(question, asker):
            await self.emit([question])
            await asker.answer(question, denial(SETTLED_BEFORE))

    async def begin_background(self, asker: Asker, caused_by: str) -> BackgroundSink | None:
        """Begin the run of what the process does by itself."""
        return await self._begin_background(self, asker, caused_by)

    async def left(self, asker: Asker, tasks: Sequence[BackgroundTask]) -> None:
        """Note what the process has left to do, for whoever finds it after a crash."""
        try:
            await self._store.processes.note_background(
                asker.process_id, wire.encode(tasks).decode()
            )
        except StoreError as error:  # told of at a crash, and at no other time
            log.warning("background_not_noted", pid=asker.pid, code=error.code)
