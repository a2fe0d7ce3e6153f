"""Accepts prompts and drives each to its one end."""

from __future__ import annotations

from weakref import WeakValueDictionary

import anyio
import anyio.lowlevel
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.base import AgentOptions
from agent_runner.agents.registry import adapter_for, forms_of
from agent_runner.attachments.service import AttachmentService
from agent_runner.bus.bus import Bus
from agent_runner.bus.channel import Channel
from agent_runner.bus.stored import new_event
from agent_runner.errors import (
    ConflictError,
    NotFoundError,
    UnavailableError,
)
from agent_runner.events.notice import Notice
from agent_runner.events.run import PromptEdited, RunQueued
from agent_runner.routing.options import options_of, overridden
from agent_runner.routing.router import Router
from agent_runner.runners.cli_runner import CliRunner
from agent_runner.runs.active import ActiveRun, RunSpec
from agent_runner.runs.announcements import ConversationDeleted
from agent_runner.runs.background_runs import BackgroundRuns
from agent_runner.runs.begun import BegunRun
from agent_runner.runs.conversation import new_conversation
from agent_runner.runs.driver import RunDriver
from agent_runner.runs.factory import RunFactory
from agent_runner.runs.forks import Forks
from agent_runner.runs.prompt import check_prompt
from agent_runner.runs.queue import AgentQueue, QueueSlot
from agent_runner.runs.reconcile import interrupt
from agent_runner.runs.registry import ActiveRuns
from agent_runner.runs.request import ExecuteRequest
from agent_runner.runs.route import route_decided
from agent_runner.runs.session_watch import SessionWatch
from agent_runner.runs.steer import steer
from agent_runner.runs.stop import StopReason
from agent_runner.runs.title import title_of
from agent_runner.runs.warm_up import Started, WarmUp
from agent_runner.settings import Settings, Timeouts
from agent_runner.tasks import Tasks
from conversation_store.interfaces import Store
from conversation_store.records import AgentRecord, ConversationRecord, NewRun, RunRecord
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
        factory: RunFactory,
        driver: RunDriver,
        background: BackgroundRuns,
        active: ActiveRuns,
        sessions: SessionWatch,
        attachments: AttachmentService,
        tasks: Tasks,
        settings: Settings,
    ) -> None:
        self.active = active
        self.background = background
        self._store = store
        self._bus = bus
        self._runner = runner
        self._router = router
        self._factory = factory
        self._driver = driver
        self._sessions = sessions
        self._forks = Forks(store, runner.launcher)
        self._warm_up = WarmUp(store, runner)
        self._attachments = attachments
        self._tasks = tasks
        self._limits = settings.limits
        self._supervision = settings.supervision
        # Each is there while somebody uses it.
        self._queues = WeakValueDictionary[str, AgentQueue]()
        self._accepting = WeakValueDictionary[str, anyio.Lock]()
        self._closing = False

    @property
    def closing(self) -> bool:
        """True once no further run is taken."""
        return self._closing

    @property
    def idle(self) -> bool:
        """True while no run is open."""
        return not len(self.active)

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
            check_prompt(request.prompt, self._limits.prompt_bytes)
            options = overridden(options_of(agent), request.overrides)
            if request.overrides:
                forms_of(adapter_for(agent.type), options)
            timeouts = self._supervision.with_overrides(options.timeouts, request.timeouts)
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
            conversation, is_new = (
                (wire.new_id("conv"), True)
                if request.new_conversation
                else await self._conversation(agent_id, request.conversation_id)
            )
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
            if request.busy == "steer":
                await self._steer(active)
        return Accepted(active.run_id, active, reattached=False)

    async def resume(self, run: RunRecord) -> None:
        """Drive a run that an earlier service had not begun, or that an approval holds."""
        agent = await self._store.agents.get(run.agent_id)
        options = overridden(options_of(agent), run.overrides)
        (turn,) = await self._store.conversations.turns_of_run(run.run_id)
        queued = NewRun(
            **msgspec.structs.asdict(run),
            turn_id=turn.turn_id,
            conversation_is_new=False,
            prompt=turn.content,
            attachments=turn.attachments,
        )
        channel = await self._bus.channel(run.conversation_id)
        timeouts = self._supervision.with_overrides(options.timeouts, run.timeouts)
        held = None if run.state is RunState.QUEUED else run
        spec = RunSpec(
            run=queued, agent_type=agent.type, options=options, timeouts=timeouts, held=held
        )
        active = self._new(spec, channel)
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
        return Accepted(run_id, self.active.get(run_id), reattached=True)

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
        run = BegunRun(
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
            timeouts=request.timeouts,
            idempotency_key=request.idempotency_key,
            request_hash=request.fingerprint() if keyed else None,
            overrides=request.overrides,
            attachments=request.attachments,
            title=title_of(request.prompt),
        )
        channel = (
            self._bus.new_channel(conversation) if is_new else await self._bus.channel(conversation)
        )
        queued = RunQueued(
            turn_id=run.turn_id,
            agent_id=agent.agent_id,
            prompt=run.prompt,
            position=len(queue),
            attachments=[one.attachment_id for one in run.attachments],
        )
        events = [new_event(queued), new_event(route_decided(plan))]
        spec = RunSpec(run=run, agent_type=agent.type, options=options, timeouts=timeouts)
        active = self._new(spec, channel)
        # Nothing can come between these two: what has begun to be committed is not cancelled.
        await channel.commit(lambda: self._store.runs.accept(run, events, durable=durable))
        self._enter(active, agent, queue)
        return active

    def _new(self, spec: RunSpec, channel: Channel) -> ActiveRun:
        return self._factory.prompted(spec, channel, self.background.begin)

    def _enter(self, active: ActiveRun, agent: AgentRecord, queue: AgentQueue) -> None:
        self.active.add(active)
        self._tasks.start_soon(self._drive, active, agent, queue, queue.enter(active.run_id))

    async def _steer(self, active: ActiveRun) -> None:
        """Give its prompt to the run before it, if that can take it; else it stays queued."""
        others = self.active.of_agent(active.run.agent_id)
        why = await steer(active, others, self._attachments)
        if why is not None and active.queued and len(self._queue(active.run.agent_id)) > 1:
            text = f"the prompt waits for its turn: {why}"
            await active.emit([Notice(code="not_steered", level="info", message=text)])

    def queue_of(self, agent_id: str) -> list[ActiveRun]:
        """The agent's runs that wait, in their order."""
        found = map(self.active.get, self._queue(agent_id).waiting)
        return [active for active in found if active is not None]

    async def edit(self, run_id: str, prompt: str) -> ActiveRun:
        """Give a run that waits another prompt; ConflictError `run_has_begun` if it does not."""
        check_prompt(prompt, self._limits.prompt_bytes)
        active = self.active.get(run_id)
        if active is None:
            await self._store.runs.get(run_id)
            raise _has_begun(run_id)
        async with active.changing:
            if not active.queued or active.steered_into is not None:
                raise _has_begun(run_id)
            edited = new_event(PromptEdited(turn_id=active.run.turn_id, prompt=prompt))
            stored = await active.channel.commit(
                lambda: self._store.runs.edit(run_id, prompt, [edited])
            )
            if not stored:
                raise _has_begun(run_id)
            active.edit(prompt)
        return active

    async def drop_queued(self, run_id: str) -> None:
        """Take a run out of its agent's queue; ConflictError `run_has_begun` if it is not there."""
        active = self.active.get(run_id)
        if active is None:
            await self._store.runs.get(run_id)
        if active is None or not active.queued or active.steered_into is not None:
            raise _has_begun(run_id)
        active.stop.request(StopReason.CANCELLED)
        await active.done.wait()

    async def reorder(self, agent_id: str, run_ids: list[str]) -> list[ActiveRun]:
        """Let the agent's waiting runs go in this order.

        ConflictError `queue_changed` unless they are just these.
        """
        async with self._one_at_a_time(agent_id):
            await self._store.agents.get(agent_id)
            if not await self._store.runs.reorder(agent_id, run_ids):
                raise ConflictError(
                    "queue_changed",
                    "these are not the runs that wait for this agent",
                    hint="list the queue again, and name each of its runs once",
                )
            self._queue(agent_id).reorder(run_ids)
            return self.queue_of(agent_id)

    def _one_at_a_time(self, agent_id: str) -> anyio.Lock:
        """For what accepts a prompt of the agent, or must not come between one."""
        return self._accepting.setdefault(agent_id, anyio.Lock(fast_acquire=True))

    def _queue(self, agent_id: str) -> AgentQueue:
        return self._queues.setdefault(agent_id, AgentQueue(self._limits.queue_depth))

    async def cancel(self, agent_id: str, run_id: str | None) -> ActiveRun:
        """Ask the agent's run to end: `run_id`, the first in its queue, or what works behind it."""
        runs = [*self.active.of_agent(agent_id), *self.active.background_of_agent(agent_id)]
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
        runs[0].stop.request(StopReason.CANCELLED)
        return runs[0]

    async def fork(
        self, conversation_id: str, turn_id: str | None, title: str | None
    ) -> ConversationRecord:
        """See `Forks.fork`. Nothing comes between: a run of the agent waits for the copy."""
        source = await self._store.conversations.get(conversation_id)
        async with self._one_at_a_time(source.agent_id):
            return await self._forks.fork(conversation_id, turn_id, title)

    async def start(self, agent_id: str, conversation_id: str | None) -> Started:
        """Have the process of a conversation ready: of the newest, or of a new one.

        It is there already while a run is on.
        """
        async with self._one_at_a_time(agent_id):
            if self._closing:
                raise UnavailableError("shutting_down", "the service is shutting down")
            agent = await self._store.agents.get(agent_id)
            options = options_of(agent)
            conversation, is_new = await self._conversation(agent_id, conversation_id)
            running = [one for one in self.active.of_agent(agent_id) if one.process is not None]
            for one in running:
                if one.run.conversation_id == conversation and one.process is not None:
                    return Started(conversation_id=conversation, process=one.process, reused=True)
            plan = self._router.plan(agent, None)
            request = self._driver.idle_request(agent, options, conversation, plan)
            if is_new:
                await self._store.conversations.create(new_conversation(agent_id, conversation))
            return await self._warm_up.start(request, await self._bus.channel(conversation))

    async def stop(self, agent_id: str, conversation_id: str | None) -> list[str]:
        """End the agent's processes that serve no run; the conversations whose they were."""
        async with self._one_at_a_time(agent_id):
            await self._store.agents.get(agent_id)
            if self.active.of_agent(agent_id) or self.active.background_of_agent(agent_id):
                raise ConflictError(
                    "agent_busy", "a run of this agent is not over", hint="cancel it first"
                )
            stopped = [
                name
                for name, warm in self._runner.pool.processes.items()
                if warm.agent_id == agent_id and conversation_id in (None, name)
            ]
            for name in stopped:
                await self._runner.drop(name)
            return stopped

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
        if self.active.of_agent(agent_id) or self.active.background_of_agent(agent_id):
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
            attachments = await self._store.attachments.of_conversation(conversation_id)
            await self._store.conversations.delete(conversation_id)
            await self._runner.drop(conversation_id)
        deleted = ConversationDeleted(
            conversation_id=conversation_id, run_ids=runs, attachments=attachments
        )
        self._bus.observers.announce(deleted)

    async def give_up(self, run_id: str) -> None:
        """End a run that is open in the store and that nothing drives."""
        run = await self._store.runs.get(run_id)
        channel = await self._bus.channel(run.conversation_id)
        await channel.commit(lambda: interrupt(self._store, run, "nothing drove the run any more"))

    def heartbeat(self, agent_id: str) -> ActiveRun:
        """Note a sign of life of the agent's present run, which did not come as output."""
        for active in self.active.of_agent(agent_id):
            if active.process is not None:
                active.process.heartbeat()
                return active
        raise ConflictError("nothing_running", "this agent runs nothing")

    async def close(self) -> None:
        """Refuse new runs, give the begun ones time to end, stop the rest, wait for each end."""
        self._closing = True
        for accepting in list(self._accepting.values()):
            async with accepting:
                pass  # what was being accepted is active now
        active = list(self.active)
        begun = [run for run in active if run.started_at is not None and not run.waiting]
        for run in active:
            if run not in begun:
                run.stop.request(StopReason.SHUTDOWN)
        with anyio.move_on_after(self._supervision.drain_ms / 1000):
            for run in begun:
                await run.done.wait()
        for run in active:
            run.stop.request(StopReason.SHUTDOWN)
        for run in active:
            await run.done.wait()

    # --- checks ---------------------------------------------------------------------------

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
            self.active.remove(active)
            queue.leave(slot)
        # Who waits for the end goes first.
        await anyio.lowlevel.checkpoint()
        self._bus.observers.announce(active.over())


def _has_begun(run_id: str) -> ConflictError:
    return ConflictError(
        "run_has_begun",
        f"run {run_id} does not wait any more: its prompt is with the CLI, or it is over",
        hint="busy: steer gives a running turn a further prompt",
    )
