"""Accepts prompts and drives each to its one end."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
import anyio.lowlevel
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.base import AgentOptions
from agent_runner.approvals.service import ApprovalService
from agent_runner.bus.bus import Bus
from agent_runner.bus.channel import Channel
from agent_runner.bus.stored import new_event
from agent_runner.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from agent_runner.events.run import RunQueued, RunStarted
from agent_runner.latch import first_of
from agent_runner.routing.options import options_of
from agent_runner.routing.router import Router
from agent_runner.runners.background import Background
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.cli_runner import CliRunner
from agent_runner.runners.sink import Asker
from agent_runner.runs.active import ActiveRun, StopReason
from agent_runner.runs.announcements import ConversationDeleted
from agent_runner.runs.background import BackgroundRun
from agent_runner.runs.driver import RunDriver
from agent_runner.runs.queue import AgentQueue, QueueSlot
from agent_runner.runs.raw_files import RawFiles
from agent_runner.runs.reconcile import interrupt
from agent_runner.runs.request import ExecuteRequest
from agent_runner.runs.rotation import Rotation
from agent_runner.runs.session_watch import SessionWatch
from agent_runner.settings import Settings, Timeouts
from agent_runner.tasks import Tasks
from conversation_store.errors import StoreError
from conversation_store.records import AgentRecord, RunRecord
from conversation_store.sqlite.runs import NewRun
from conversation_store.sqlite.store import Store
from conversation_store.states import RunState

log = structlog.get_logger(__name__)


class Accepted(msgspec.Struct, frozen=True):
    """A run in the store; `active` unless it is over, `reattached` if it was there before."""

    run_id: str
    active: ActiveRun | None
    reattached: bool


class RunService:
    """One run at a time per agent; every accepted run ends in exactly one terminal state."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        runner: CliRunner,
        router: Router,
        approvals: ApprovalService,
        tasks: Tasks,
        settings: Settings,
        raw_dir: Path,
    ) -> None:
        self._store = store
        self._bus = bus
        self._runner = runner
        self._router = router
        self._approvals = approvals
        self._tasks = tasks
        self._settings = settings
        self._limits = settings.limits
        self._raw_files = RawFiles(raw_dir)
        self._rotation = Rotation(store, self._raw_files, settings.logs)
        self._sessions = SessionWatch(store, bus, runner)
        self._driver = RunDriver(
            store,
            runner,
            router,
            approvals,
            tasks,
            settings,
            raw_dir,
            bus.observers,
            self._sessions,
        )
        # Each is there while somebody uses it.
        self._queues = WeakValueDictionary[str, AgentQueue]()
        self._accepting = WeakValueDictionary[str, anyio.Lock]()
        self._active: dict[str, ActiveRun] = {}
        self._closing = False

    @property
    def closing(self) -> bool:
        """True once no further run is taken."""
        return self._closing

    @property
    def idle(self) -> bool:
        """True while no run is open."""
        return not self._active

    # --- what callers do ------------------------------------------------------------------

    async def execute(
        self, agent_id: str, request: ExecuteRequest, *, awaited: bool = False
    ) -> Accepted:
        """Commit the prompt as a queued run and start driving it.

        When this returns the run is in the store and will end in a terminal state, whatever
        happens to the caller. A request whose key was seen before gives the run that the
        first one made; ConflictError `idempotency_key_reused` if it asked something else.

        An `awaited` run is acknowledged by its end. If it has no key and need not wait, it
        begins before its acceptance is on the disk, which its begin or its end sees to.
        """
        async with self._one_at_a_time(agent_id):
            if self._closing:
                raise UnavailableError("shutting_down", "the service is shutting down")
            agent = await self._store.agents.get(agent_id)
            self._check_prompt(request.prompt)
            options = options_of(agent)
            timeouts = self._settings.supervision.with_overrides(options.timeouts, request.timeouts)
            if (seen := await self._seen(agent_id, request)) is not None:
                return seen
            queue = self._queue(agent_id)
            if len(queue) and (request.busy or options.busy) == "reject":
                raise ConflictError(
                    "agent_busy",
                    "this agent has a run that is not over",
                    hint="wait for it, cancel it, or ask with busy: queue",
                )
            queue.check_room()
            conversation, is_new = await self._conversation(agent_id, request.conversation_id)
            if not (is_new or len(queue)):
                # What came by another hand stands before the prompt.
                await self._sessions.look(agent.type, options, conversation)
            begins_first = awaited and request.idempotency_key is None and not len(queue)
            active = await self._accept(
                agent,
                options,
                request,
                timeouts,
                queue,
                conversation=conversation,
                is_new=is_new,
                durable=not begins_first,
            )
        return Accepted(active.run_id, active, reattached=False)

    async def resume(self, run: RunRecord) -> None:
        """Drive a run that an earlier service had not begun, or that an approval holds."""
        agent = await self._store.agents.get(run.agent_id)
        options = options_of(agent)
        (turn,) = await self._store.conversations.turns_of_run(run.run_id)
        queued = NewRun(
            run_id=run.run_id,
            turn_id=turn.turn_id,
            conversation_id=run.conversation_id,
            conversation_is_new=False,
            agent_id=run.agent_id,
            prompt=turn.content,
            mode=run.mode,
            reason=run.reason,
            route=run.route,
            timeout_ms=run.timeout_ms,
            metadata=run.metadata,
            now=run.queued_at,
            timeouts=run.timeouts,
            request_hash=run.request_hash,
        )
        channel = await self._bus.channel(run.conversation_id)
        timeouts = self._settings.supervision.with_overrides(options.timeouts, run.timeouts)
        active = self._new(queued, agent.type, options, timeouts, channel)
        if run.state is not RunState.QUEUED:
            active.held = active.acted = True
            active.started_at, active.form = run.started_at, run.form
        self._enter(active, agent, self._queue(agent.agent_id))

    async def _seen(self, agent_id: str, request: ExecuteRequest) -> Accepted | None:
        """The run that an earlier request with this key made."""
        if request.idempotency_key is None:
            return None
        run_id = await self._store.runs.by_idempotency_key(agent_id, request.idempotency_key)
        if run_id is None:
            return None
        run = await self._store.runs.get(run_id)
        if run.request_hash != request.fingerprint():
            raise ConflictError(
                "idempotency_key_reused",
                f"this Idempotency-Key came with another request, which made run {run_id}",
                hint="use a new key for a new request",
            )
        return Accepted(run_id, self.active(run_id), reattached=True)

    async def _accept(
        self,
        agent: AgentRecord,
        options: AgentOptions,
        request: ExecuteRequest,
        timeouts: Timeouts,
        queue: AgentQueue,
        *,
        conversation: str,
        is_new: bool,
        durable: bool,
    ) -> ActiveRun:
        plan = self._router.plan(agent, request.mode)
        keyed = request.idempotency_key is not None
        run = NewRun(
            run_id=wire.new_id("run"),
            turn_id=wire.new_id("turn"),
            conversation_id=conversation,
            conversation_is_new=is_new,
            agent_id=agent.agent_id,
            prompt=request.prompt,
            mode=plan.mode,
            reason=plan.reason,
            route=plan.detail() | ({"requested": request.mode} if request.mode else {}),
            timeout_ms=timeouts.command_ms,
            metadata=request.metadata,
            now=wire.now(),
            timeouts=request.timeouts,
            idempotency_key=request.idempotency_key,
            request_hash=request.fingerprint() if keyed else None,
        )
        channel = (
            self._bus.new_channel(conversation) if is_new else await self._bus.channel(conversation)
        )
        queued = RunQueued(
            turn_id=run.turn_id, agent_id=agent.agent_id, prompt=run.prompt, position=len(queue)
        )
        events = [new_event(queued), new_event(plan.event())]
        active = self._new(run, agent.type, options, timeouts, channel)
        # Nothing can come between these two: what has begun to be committed is not cancelled.
        await channel.commit(lambda: self._store.runs.accept(run, events, durable=durable))
        self._enter(active, agent, queue)
        return active

    def _new(
        self,
        run: NewRun,
        agent_type: str,
        options: AgentOptions,
        timeouts: Timeouts,
        channel: Channel,
    ) -> ActiveRun:
        store, approvals = self._store, self._approvals
        return ActiveRun(
            run, agent_type, options, timeouts, channel, store, approvals, self._begin_behind
        )

    async def _begin_behind(
        self, origin: ActiveRun, asker: Asker, caused_by: str
    ) -> BackgroundRun | None:
        """Commit the run of what a CLI does by itself, and drive it to its end.

        None if its conversation takes no more: it is deleted, or cannot be written.
        """
        assert isinstance(asker, CliProcess)
        active = BackgroundRun(origin, asker, caused_by)
        run = active.run
        started = RunStarted(
            mode=run.mode,
            reason=run.reason,
            form=asker.form,
            agent_type=origin.agent_type,
            cli_version=asker.cli_version,
            pid=asker.pid,
            reused=True,
            trigger="background",
            caused_by=caused_by,
        )
        begin = partial(self._store.runs.begin_background, run, asker.form, [new_event(started)])
        # Known before it is committed: who finds it in the store waits for its end.
        self._active[run.run_id] = active
        try:
            await active.channel.commit(begin)
        except BaseException as error:
            del self._active[run.run_id]
            active.done.set()
            if not isinstance(error, StoreError):
                raise
            log.error("background_run_not_begun", caused_by=caused_by, code=error.code)
            return None
        self._tasks.start_soon(self._drive_background, active)
        return active

    async def _drive_background(self, active: BackgroundRun) -> None:
        try:
            await self._driver.drive_background(
                active, self._active.get(active.run.caused_by or "")
            )
        finally:
            del self._active[active.run_id]
            active.done.set()
            self._settle(active)

    def _settle(self, active: ActiveRun) -> None:
        """Have the session's file looked at once the CLI has written the turn."""
        conversation_id = active.run.conversation_id
        if active.session_id and not self._sessions.has_none(conversation_id, active.session_id):
            self._tasks.start_soon(
                self._sessions.settle, active.agent_type, active.options, conversation_id
            )

    def _enter(self, active: ActiveRun, agent: AgentRecord, queue: AgentQueue) -> None:
        self._active[active.run_id] = active
        self._tasks.start_soon(self._drive, active, agent, queue, queue.enter())

    def _one_at_a_time(self, agent_id: str) -> anyio.Lock:
        """For what accepts a prompt of the agent, or must not come between one."""
        return self._accepting.setdefault(agent_id, anyio.Lock(fast_acquire=True))

    def _queue(self, agent_id: str) -> AgentQueue:
        return self._queues.setdefault(agent_id, AgentQueue(self._limits.queue_depth))

    def active(self, run_id: str) -> ActiveRun | None:
        """The run, if it is not over."""
        active = self._active.get(run_id)
        return active if active is not None and not active.done.is_set() else None

    def all_active(self) -> list[ActiveRun]:
        """Every run that is not over."""
        return [active for active in self._active.values() if not active.done.is_set()]

    def of_agent(self, agent_id: str) -> list[ActiveRun]:
        """The agent's runs of prompts that are not over, in queue order."""
        return [active for active in self._of(agent_id) if active.run.trigger == "prompt"]

    def behind_agent(self, agent_id: str) -> list[ActiveRun]:
        """The agent's runs of what its CLI does by itself that are not over."""
        return [active for active in self._of(agent_id) if active.run.trigger == "background"]

    def _of(self, agent_id: str) -> list[ActiveRun]:
        return [active for active in self.all_active() if active.run.agent_id == agent_id]

    async def settled(self, run_id: str) -> list[str]:
        """Wait for the work that a run which is over has left behind.

        The ids of the runs that this has led to, oldest first.
        """
        while (background := self._work_of(run_id)) is not None:
            await background.rest()
        return await self.behind(run_id)

    async def next_behind(self, run_id: str, seen: int) -> str | None:
        """Wait for the next run that a run which is over has led to; None once it is settled."""
        while True:
            background = self._work_of(run_id)
            latches = [] if background is None else [background.began, background.at_rest]
            following = await self._store.runs.caused_by(run_id)
            if len(following) > seen:
                return following[seen]
            if background is None:
                return None
            await first_of(*latches)

    def _work_of(self, run_id: str) -> Background | None:
        """What works on after a run, if something does."""
        for live in self._runner.living:
            if live.background.working and live.background.serves(run_id):
                return live.background
        return None

    async def behind(self, run_id: str) -> list[str]:
        """The ids of the runs that a run has led to, oldest first, when they are over."""
        following = await self._store.runs.caused_by(run_id)
        for each in following:
            if (active := self._active.get(each)) is not None:
                await active.done.wait()
        return following

    async def cancel(self, agent_id: str, run_id: str | None) -> ActiveRun:
        """Ask the agent's run to end: `run_id`, the first in its queue, or what works behind it."""
        runs = [*self.of_agent(agent_id), *self.behind_agent(agent_id)]
        if run_id is not None:
            runs = [active for active in runs if active.run_id == run_id]
            if not runs:
                if (await self._store.runs.get(run_id)).agent_id != agent_id:
                    raise NotFoundError(
                        "run_not_found", f"agent {agent_id!r} has no run {run_id!r}"
                    )
                raise ConflictError("run_is_over", f"run {run_id} is not active on this agent")
        if not runs:
            raise ConflictError("nothing_to_cancel", "this agent runs nothing")
        runs[0].request_stop(StopReason.CANCELLED)
        return runs[0]

    async def end_session(self, agent_id: str) -> str | None:
        """End the agent's open conversation and its process; returns the conversation's id."""
        async with self._one_at_a_time(agent_id):
            return await self._end_session(agent_id)

    async def delete_agent(self, agent_id: str) -> None:
        """End the agent's session and forget it; its conversations stay readable."""
        async with self._one_at_a_time(agent_id):
            await self._store.agents.get(agent_id)
            await self._end_session(agent_id)
            await self._router.forget(agent_id)
            await self._store.agents.delete(agent_id, now=wire.now())

    async def _end_session(self, agent_id: str) -> str | None:
        if self._of(agent_id):
            raise ConflictError(
                "agent_busy", "a run of this agent is not over", hint="cancel it first"
            )
        conversation_id = await self._store.conversations.current_id(agent_id)
        if conversation_id is None:
            return None
        await self._runner.drop(conversation_id)
        await self._store.conversations.end(conversation_id, now=wire.now())
        return conversation_id

    async def delete_conversation(self, conversation_id: str) -> None:
        """Remove a conversation, its process and its raw logs."""
        conversation = await self._store.conversations.get(conversation_id)
        async with self._one_at_a_time(conversation.agent_id):
            runs = await self._store.runs.of_conversation(conversation_id)
            await self._store.conversations.delete(conversation_id)
            await self._runner.drop(conversation_id)
        self._bus.observers.announce(ConversationDeleted(conversation_id))
        for run_id in runs:
            self._raw_files.remove(run_id)

    async def give_up(self, run_id: str) -> None:
        """End a run that is open in the store and that nothing drives."""
        run = await self._store.runs.get(run_id)
        channel = await self._bus.channel(run.conversation_id)
        await channel.commit(lambda: interrupt(self._store, run, "nothing drove the run any more"))

    def heartbeat(self, agent_id: str) -> ActiveRun:
        """Note a sign of life of the agent's present run, which did not come as output."""
        for active in self.of_agent(agent_id):
            if active.live is not None:
                active.live.heartbeat()
                return active
        raise ConflictError("nothing_running", "this agent runs nothing")

    async def close(self) -> None:
        """Refuse new runs, give the begun ones time to end, stop the rest, wait for each end."""
        self._closing = True
        for accepting in list(self._accepting.values()):
            async with accepting:
                pass  # what was being accepted is active now
        active = list(self._active.values())
        begun = [run for run in active if run.started_at is not None and not run.waiting]
        for run in active:
            if run not in begun:
                run.request_stop(StopReason.SHUTDOWN)
        with anyio.move_on_after(self._settings.supervision.drain_ms / 1000):
            for run in begun:
                await run.done.wait()
        for run in active:
            run.request_stop(StopReason.SHUTDOWN)
        for run in active:
            await run.done.wait()

    # --- checks ---------------------------------------------------------------------------

    def _check_prompt(self, prompt: str) -> None:
        if not prompt.strip():
            raise BadRequestError("empty_prompt", "the prompt is empty")
        try:
            size = len(prompt.encode())
        except UnicodeEncodeError:
            raise BadRequestError(
                "invalid_prompt", "the prompt holds half of a surrogate pair"
            ) from None
        if "\0" in prompt:
            raise BadRequestError("invalid_prompt", "the prompt holds a NUL character")
        if size > self._limits.prompt_bytes:
            raise TooLargeError(
                "prompt_too_large",
                f"the prompt has {size} bytes, at most {self._limits.prompt_bytes} are taken",
            )

    async def _conversation(self, agent_id: str, wanted: str | None) -> tuple[str, bool]:
        if wanted is not None:
            record = await self._store.conversations.get(wanted)
            if record.agent_id != agent_id:
                raise NotFoundError(
                    "conversation_not_found", f"agent {agent_id!r} has no conversation {wanted!r}"
                )
            return wanted, False
        current = await self._store.conversations.current_id(agent_id)
        return (wire.new_id("conv"), True) if current is None else (current, False)

    async def _drive(
        self, active: ActiveRun, agent: AgentRecord, queue: AgentQueue, slot: QueueSlot
    ) -> None:
        try:
            await self._driver.drive(active, agent, slot)
        finally:
            del self._active[active.run_id]
            active.done.set()
            queue.leave(slot)
            self._settle(active)
        # Who waits for the end goes first.
        await anyio.lowlevel.checkpoint()
        await self._rotation.after(agent.agent_id, active.run_id)
