"""The approvals: takes a run's questions, has them decided once, and brings the answers back."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import anyio
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.base import AgentOptions, Feature
from agent_runner.agents.guard import Guard
from agent_runner.approvals.canonical import input_hash
from agent_runner.approvals.decision import Decision, answer_of, check, in_form, refuse_decided
from agent_runner.approvals.hidden import shown
from agent_runner.approvals.hints import hints
from agent_runner.approvals.lifetime import extension, life_of, warning
from agent_runner.bus.bus import Bus
from agent_runner.bus.feed import PAGE, Feed
from agent_runner.bus.stored import new_event
from agent_runner.clock import Clock
from agent_runner.errors import GoneError
from agent_runner.events.permission import PermissionRequested
from agent_runner.runners.sink import Asker, Resolution
from agent_runner.settings import ApprovalSettings
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import ApprovalRecord, Moved, NewApproval
from conversation_store.states import ApprovalKind, ApprovalState, Delivery

log = structlog.get_logger(__name__)

_SOONEST_S = 0.05


class ApprovalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A question of a run, and the process that waits for the answer."""

    question: PermissionRequested
    run_id: str
    conversation_id: str
    agent_id: str
    options: AgentOptions
    asker: Asker


class ApprovalService:
    """Approvals from asking to delivery. Every move is committed before anyone hears of it.

    What `guard` refuses is not asked.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        settings: ApprovalSettings,
        guard: Guard,
        clock: Clock,
    ) -> None:
        self._approvals = store.approvals
        self._bus = bus
        self.feed = Feed(store.approvals)
        self._settings = settings
        self._clock = clock
        self.guard = guard
        self._askers: dict[str, ApprovalRequest] = {}
        self._settled: dict[str, anyio.Event] = {}
        self._earlier = anyio.Event()

    # --- asking -----------------------------------------------------------------------------

    async def open(self, asking: ApprovalRequest) -> ApprovalRecord | None:
        """Commit the question: from here on it is there to be decided, whatever happens.

        None if just this was asked before, or the run is over.
        """
        question, now = asking.question, self._clock.now()
        life = life_of(self._settings, asking.options)
        new = NewApproval(
            approval_id=wire.new_id("appr"),
            conversation_id=asking.conversation_id,
            run_id=asking.run_id,
            agent_id=asking.agent_id,
            process_id=asking.asker.process_id,
            request_id=question.request_id,
            tool_call_id=question.tool_call_id,
            kind=ApprovalKind(question.kind),
            tool=question.name,
            question=shown(question.title or f"May the agent use {question.name}?"),
            input=question.input,
            input_hash=input_hash(question.name, question.input),
            nonce=os.urandom(16).hex(),
            options=[msgspec.to_builtins(option) for option in question.options],
            hints=msgspec.to_builtins(
                hints(
                    question.name,
                    question.tool_kind,
                    question.input,
                    asking.options.cwd,
                    "\n".join([question.title or "", *(o.name for o in question.options)]),
                )
            ),
            features=_features(question, asking.asker.features),
            deciders=asking.options.approval_deciders,
            created_at=now,
            expires_at=wire.later(now, life),
            warn_at=wire.later(now, life - warning(life)),
        )
        # Known before it is committed: a decision may come at once.
        self._askers[new.approval_id] = asking
        opened = await self._commit(
            asking.conversation_id, lambda: self._approvals.open(new, [new_event(question)])
        )
        if opened is None:
            del self._askers[new.approval_id]
        self._earlier.set()
        return opened

    async def move_over(
        self, asker: Asker, questions: Sequence[PermissionRequested], run_id: str
    ) -> None:
        """What a process has asked goes on as the question of another of its runs."""
        ids = {question.request_id for question in questions}
        for approval_id, asking in list(self._askers.items()):
            if asking.asker is asker and asking.question.request_id in ids:
                moved = await self._commit(
                    asking.conversation_id,
                    partial(self._approvals.move_over, approval_id, run_id, now=self._clock.now()),
                )
                if moved is not None:
                    self._askers[approval_id] = msgspec.structs.replace(asking, run_id=run_id)

    async def withdraw(self, run_id: str, request_id: str, reason: str) -> None:
        """The CLI asks this no longer: void what was not decided."""
        for approval_id, asking in list(self._askers.items()):
            if (asking.run_id, asking.question.request_id) == (run_id, request_id):
                await self._void(approval_id, reason)

    async def _void(self, approval_id: str, reason: str) -> None:
        approval = await self._approvals.get(approval_id)
        await self._commit(
            approval.conversation_id,
            lambda: self._approvals.void(approval_id, reason=reason, now=self._clock.now()),
        )
        self._askers.pop(approval_id, None)

    def run_ended(self, run_id: str) -> None:
        """The run is over, and its approvals with it: the store has voided them."""
        for approval_id, asking in list(self._askers.items()):
            if asking.run_id == run_id:
                del self._askers[approval_id]
        self._settled.pop(run_id, None)
        self.feed.grown()

    # --- deciding ---------------------------------------------------------------------------

    async def decide(self, approval_id: str, decision: Decision) -> ApprovalRecord:
        """Take the one decision; the same one again gives the record as it is.

        Errors as in `decision.check`; DecidedError with the winner, GoneError
        `approval_expired` or `approval_voided` for who comes late.
        """
        approval = await self._approvals.get(approval_id)
        decision = in_form(approval, decision)
        if approval.state in (ApprovalState.EXPIRED, ApprovalState.VOIDED):
            refuse_decided(approval, decision, approve=False)
        approve = check(approval, decision)
        if approval.state is not ApprovalState.PENDING:
            refuse_decided(approval, decision, approve=approve)
            return approval
        asking = self._asking(approval)
        decided = await self._commit(
            approval.conversation_id,
            lambda: self._approvals.decide(
                approval_id,
                ApprovalState.APPROVED if approve else ApprovalState.REJECTED,
                decision.content(approve=approve),
                by=decision.by,
                via=decision.via,
                reason=decision.message,
                delivered=asking is not None,
                now=self._clock.now(),
            ),
        )
        if decided is not None:
            return await self._deliver(decided, asking)
        await self._expire(approval_id)
        approval = await self._approvals.get(approval_id)
        refuse_decided(approval, decision, approve=approve)
        return approval

    async def extend(self, approval_id: str, by_ms: int | None) -> ApprovalRecord:
        """Let it wait `by_ms` longer than it would, else as long again as at first.

        GoneError if it is decided or its time is over; BadRequestError `extension_too_long`.
        """
        approval = await self._approvals.get(approval_id)
        given = extension(self._settings, approval, by_ms, now=self._clock.now())
        moved = await self._commit(
            approval.conversation_id,
            lambda: self._approvals.extend(
                approval_id,
                by_ms=given.by_ms,
                expires_at=given.expires_at,
                warn_at=given.warn_at,
                now=self._clock.now(),
            ),
        )
        if moved is None:
            await self._expire(approval_id)
            approval = await self._approvals.get(approval_id)
            raise GoneError("approval_over", f"this approval is {approval.state} already")
        self._earlier.set()
        return moved

    async def _deliver(
        self, approval: ApprovalRecord, asking: ApprovalRequest | None
    ) -> ApprovalRecord:
        """Bring a committed decision to the process that waits, if it still does."""
        self._askers.pop(approval.approval_id, None)
        if asking is not None:
            resolution = Resolution(
                answer=answer_of(approval),
                decided_by="expiry" if approval.state is ApprovalState.EXPIRED else "human",
                approval_id=approval.approval_id,
            )
            if not await asking.asker.answer(asking.question, resolution):
                # In this very moment it ended, or asked another thing; nothing was sent.
                moved = await self.move(approval, Delivery.DELIVERED, Delivery.WAITING)
                approval = moved or approval
        return approval

    def _asking(self, approval: ApprovalRecord) -> ApprovalRequest | None:
        """Who waits for the answer in a process; a supervised tool does not: it has ended."""
        asking = self._askers.get(approval.approval_id)
        if asking is None or approval.kind is ApprovalKind.TOOL or not asking.asker.alive:
            return None
        return asking

    # --- after a restart or the end of the asking process ------------------------------------

    async def held(self, run_id: str) -> bool:
        """True if the run waits for a decision, or for a process to be told of one."""
        return any(_holds(approval) for approval in await self._approvals.of_run(run_id))

    async def settled(self, run_id: str) -> list[ApprovalRecord]:
        """Wait until nothing of the run is pending; returns what is to be delivered."""
        while True:
            event = self._settled.setdefault(run_id, anyio.Event())
            approvals = await self._approvals.of_run(run_id)
            if all(approval.state is not ApprovalState.PENDING for approval in approvals):
                return [approval for approval in approvals if _holds(approval)]
            await event.wait()

    async def decided(self, run_id: str) -> list[ApprovalRecord]:
        """All of the run that were approved or rejected, in the order of their asking."""
        decided = (ApprovalState.APPROVED, ApprovalState.REJECTED)
        return [a for a in await self._approvals.of_run(run_id) if a.state in decided]

    async def move(
        self, approval: ApprovalRecord, source: Delivery, target: Delivery, error: str | None = None
    ) -> ApprovalRecord | None:
        """Move what becomes of a decision on; None if it is not at `source` any more."""
        return await self._commit(
            approval.conversation_id,
            lambda: self._approvals.move_delivery(
                approval.approval_id, source, target, error=error, now=self._clock.now()
            ),
        )

    # --- time -------------------------------------------------------------------------------

    async def keep_time(self) -> None:
        """Warn of and expire approvals as their time comes; runs for ever."""
        while True:
            self._earlier = anyio.Event()
            moment = None
            try:
                await self._look()
                moment = await self._approvals.next_moment()
            except StoreError as error:
                log.warning("approvals_not_looked_at", code=error.code)
            wait = self._settings.check_ms / 1000
            if moment is not None:
                left = wire.seconds_between(self._clock.now(), moment)
                wait = min(wait, max(_SOONEST_S, left))
            with anyio.move_on_after(wait):
                await self._earlier.wait()

    def wake(self) -> None:
        """Look anew: what waits may have another end by now."""
        self._earlier.set()

    async def _look(self) -> None:
        for approval_id in await self._approvals.due(now=self._clock.now(), limit=PAGE):
            await self._expire(approval_id)
        for approval_id in await self._approvals.to_warn(now=self._clock.now(), limit=PAGE):
            approval = await self._approvals.get(approval_id)
            await self._commit(
                approval.conversation_id,
                partial(self._approvals.warn, approval_id, now=self._clock.now()),
            )

    async def _expire(self, approval_id: str) -> None:
        """Deny what nobody decided in time; nothing if that is not so."""
        approval = await self._approvals.get(approval_id)
        asking = self._asking(approval)
        expired = await self._commit(
            approval.conversation_id,
            lambda: self._approvals.expire(
                approval_id,
                reason=f"nobody decided by {approval.expires_at}",
                delivered=asking is not None,
                now=self._clock.now(),
            ),
        )
        if expired is not None:
            await self._deliver(expired, asking)

    async def _commit(
        self, conversation_id: str, move: Callable[[], Awaitable[Moved | None]]
    ) -> ApprovalRecord | None:
        """Commit a move in its place among the events of its conversation, then tell of it."""
        moved: Moved | None = None

        async def commit() -> Any:
            nonlocal moved
            moved = await move()
            return None if moved is None else moved.events

        await (await self._bus.channel(conversation_id)).commit(commit)
        if moved is None:
            return None
        self.feed.grown()
        if (waits := self._settled.pop(moved.approval.run_id, None)) is not None:
            waits.set()
        return moved.approval


def _holds(approval: ApprovalRecord) -> bool:
    return approval.state is ApprovalState.PENDING or approval.delivery in (
        Delivery.WAITING,
        Delivery.RESUMING,
    )


def _features(question: PermissionRequested, offered: frozenset[Feature]) -> list[str]:
    if question.kind == "question":
        return sorted({"answers"} | (offered & {"message", "stop"}))
    if question.kind == "plan":
        return sorted(offered - {"updatedInput"})
    return sorted(offered)
