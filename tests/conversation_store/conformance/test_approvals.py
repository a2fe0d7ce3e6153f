"""Any order of moves on approvals, against what each move may do."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import DataObject, booleans, data, integers, sampled_from

from conversation_store.interfaces import OpenStore, Store
from conversation_store.records import ApprovalRecord, Moved, NewApproval, RunOutcome
from conversation_store.states import ApprovalKind, ApprovalState, Delivery, RunState
from tests.helpers.rows import add_agent, event, events_of, move, new_run

RUNS = (1, 2)
EPOCH = datetime(2026, 1, 2, tzinfo=UTC)
PENDING, WAITING, RESUMING = ApprovalState.PENDING, Delivery.WAITING, Delivery.RESUMING
DELIVERIES = [
    (Delivery.DELIVERED, WAITING),
    (WAITING, RESUMING),
    (WAITING, Delivery.DELIVERED),
    (WAITING, Delivery.FAILED),
    (RESUMING, WAITING),
    (RESUMING, Delivery.DELIVERED),
    (RESUMING, Delivery.FAILED),
]


@dataclass
class Model:
    """An approval as it must be; times are seconds of the machine's clock."""

    run: int
    request: tuple[str, str]
    expires: int
    warn: int
    state: ApprovalState = PENDING
    delivery: Delivery = Delivery.NONE
    decided_by: str | None = None
    warned: bool = False
    extensions: int = 0
    attempts: int = 0


@dataclass
class RunModel:
    """A run as it must be."""

    state: RunState = RunState.RUNNING
    events: list[str] = field(default_factory=list)


class ApprovalMachine(RuleBasedStateMachine):
    """Two runs of two agents ask, are answered or not, and end, while time goes by."""

    def __init__(self, open_store: OpenStore) -> None:
        super().__init__()
        self.clock = 0
        self.runs = {number: RunModel() for number in RUNS}
        self.approvals: dict[str, Model] = {}
        self.log: list[tuple[str, str]] = []
        self.things = ExitStack()
        folder = self.things.enter_context(TemporaryDirectory())
        self.portal = self.things.enter_context(start_blocking_portal())
        opened = self.portal.wrap_async_context_manager(open_store(Path(folder) / "new.db"))
        self.store: Store = self.things.enter_context(opened)
        self.portal.call(self._begin)

    async def _begin(self) -> None:
        for number in RUNS:
            await add_agent(self.store, f"agent_{number}")
            run = new_run(number, f"conv_{number}", agent_id=f"agent_{number}")
            await self.store.runs.accept(run, [])
            states = (RunState.STARTING, RunState.RUNNING)
            await self.store.runs.move(move(*states, run=run.run_id, now=self._time(0)))

    def teardown(self) -> None:
        self.things.close()

    # --- what the model says ----------------------------------------------------------------

    def _time(self, clock: int) -> str:
        moment = EPOCH + timedelta(seconds=clock)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def _now(self) -> str:
        return self._time(self.clock)

    def _pending(self, run: int) -> list[str]:
        return [i for i, a in self.approvals.items() if (a.run, a.state) == (run, PENDING)]

    def _happened(self, kind: str, approval_id: str) -> None:
        self.log.append((kind, approval_id))
        self.runs[self.approvals[approval_id].run].events.append(kind)

    def _go_on(self, run: int) -> None:
        if self.runs[run].state is RunState.WAITING_APPROVAL and not self._pending(run):
            self.runs[run].state = RunState.RUNNING

    def _resolved(
        self, approval_id: str, state: ApprovalState, delivery: Delivery, *, go_on: bool
    ) -> None:
        approval = self.approvals[approval_id]
        assert approval.state is PENDING, "resolved twice"
        approval.state, approval.delivery = state, delivery
        if go_on:
            self._go_on(approval.run)
        self._happened("approval.resolved", approval_id)

    def _applied(self, moved: Moved | None, *, expected: bool) -> None:
        assert (moved is not None) is expected

    # --- the moves --------------------------------------------------------------------------

    @rule(seconds=integers(1, 5))
    def time_goes_by(self, seconds: int) -> None:
        self.clock += seconds

    @rule(
        run=sampled_from(RUNS),
        request=sampled_from([("1", "a"), ("1", "b"), ("2", "a")]),
        life=integers(4, 40),
    )
    def open(self, run: int, request: tuple[str, str], life: int) -> None:
        approval_id = f"appr_{len(self.approvals):04}_{len(self.log)}"
        model = Model(run, request, self.clock + life, self.clock + life // 2)
        free = all((a.run, a.request) != (run, request) for a in self.approvals.values())
        going = self.runs[run].state in (RunState.RUNNING, RunState.WAITING_APPROVAL)
        moved = self.portal.call(
            self.store.approvals.open, self._new(approval_id, model), [event("asked")]
        )
        self._applied(moved, expected=free and going)
        if moved is not None:
            self.approvals[approval_id] = model
            self.runs[run].state = RunState.WAITING_APPROVAL
            self.runs[run].events.append("notice")
            self._happened("approval.requested", approval_id)

    def _new(self, approval_id: str, model: Model) -> NewApproval:
        return NewApproval(
            approval_id=approval_id,
            conversation_id=f"conv_{model.run}",
            run_id=f"run_{model.run}",
            agent_id=f"agent_{model.run}",
            process_id=f"proc_{model.run}",
            request_id=model.request[0],
            tool_call_id=None,
            kind=ApprovalKind.PERMISSION,
            tool="Bash",
            question="May it?",
            input={"command": model.request[1]},
            input_hash=model.request[1] * 64,
            nonce="0",
            options=[],
            hints={},
            features=[],
            deciders=[],
            created_at=self._now,
            expires_at=self._time(model.expires),
            warn_at=self._time(model.warn),
        )

    @precondition(lambda self: self.approvals)
    @rule(
        given=data(),
        state=sampled_from([ApprovalState.APPROVED, ApprovalState.REJECTED]),
        by=sampled_from(["ann", "bob", "eve"]),
        delivered=booleans(),
    )
    def decide(self, given: DataObject, state: ApprovalState, by: str, delivered: bool) -> None:
        approval_id, approval = self._one(given)
        moved = self.portal.call(self._decide, approval_id, state, by, delivered)
        self._applied(moved, expected=approval.state is PENDING and self.clock < approval.expires)
        if moved is not None:
            approval.decided_by = by
            delivery = Delivery.DELIVERED if delivered else WAITING
            self._resolved(approval_id, state, delivery, go_on=delivered)

    async def _decide(
        self, approval_id: str, state: ApprovalState, by: str, delivered: bool
    ) -> Moved | None:
        return await self.store.approvals.decide(
            approval_id,
            state,
            {"action": str(state)},
            by=by,
            via="http",
            reason=None,
            delivered=delivered,
            now=self._now,
        )

    @precondition(lambda self: self.approvals)
    @rule(given=data(), delivered=booleans())
    def expire(self, given: DataObject, delivered: bool) -> None:
        approval_id, approval = self._one(given)

        async def call() -> Moved | None:
            return await self.store.approvals.expire(
                approval_id, reason="late", delivered=delivered, now=self._now
            )

        moved = self.portal.call(call)
        self._applied(moved, expected=approval.state is PENDING and approval.expires <= self.clock)
        if moved is not None:
            delivery = Delivery.DELIVERED if delivered else WAITING
            self._resolved(approval_id, ApprovalState.EXPIRED, delivery, go_on=delivered)

    @precondition(lambda self: self.approvals)
    @rule(given=data())
    def void(self, given: DataObject) -> None:
        approval_id, approval = self._one(given)

        async def call() -> Moved | None:
            return await self.store.approvals.void(approval_id, reason="gone", now=self._now)

        moved = self.portal.call(call)
        self._applied(moved, expected=approval.state is PENDING)
        if moved is not None:
            self._resolved(approval_id, ApprovalState.VOIDED, Delivery.NONE, go_on=True)

    @precondition(lambda self: self.approvals)
    @rule()
    def warn(self) -> None:
        for approval_id, approval in self.approvals.items():
            self._warn(approval_id, approval)

    def _warn(self, approval_id: str, approval: Model) -> None:
        async def call() -> Moved | None:
            return await self.store.approvals.warn(approval_id, now=self._now)

        in_time = approval.warn <= self.clock < approval.expires
        moved = self.portal.call(call)
        self._applied(moved, expected=approval.state is PENDING and in_time and not approval.warned)
        if moved is not None:
            approval.warned = True
            self._happened("approval.warning", approval_id)
            self._applied(self.portal.call(call), expected=False)

    @precondition(lambda self: self.approvals)
    @rule(given=data(), by=integers(1, 20))
    def extend(self, given: DataObject, by: int) -> None:
        approval_id, approval = self._one(given)
        expires, warn = approval.expires + by, approval.expires + by // 2

        async def call() -> Moved | None:
            return await self.store.approvals.extend(
                approval_id,
                by_ms=by,
                expires_at=self._time(expires),
                warn_at=self._time(warn),
                now=self._now,
            )

        moved = self.portal.call(call)
        self._applied(moved, expected=approval.state is PENDING and self.clock < approval.expires)
        if moved is not None:
            approval.expires, approval.warn, approval.warned = expires, warn, False
            approval.extensions += 1
            self._happened("approval.extended", approval_id)

    @precondition(lambda self: self.approvals)
    @rule(given=data(), move=sampled_from(DELIVERIES))
    def move_delivery(self, given: DataObject, move: tuple[Delivery, Delivery]) -> None:
        self._move_delivery(*self._one(given), *move)

    def _move_delivery(
        self, approval_id: str, approval: Model, source: Delivery, target: Delivery
    ) -> None:
        async def call() -> Moved | None:
            return await self.store.approvals.move_delivery(
                approval_id, source, target, now=self._now
            )

        moved = self.portal.call(call)
        self._applied(moved, expected=approval.delivery is source)
        if moved is not None:
            ended = self.runs[approval.run].state is RunState.SUCCEEDED
            lost = ended and target in (WAITING, RESUMING)
            approval.delivery = Delivery.FAILED if lost else target
            approval.attempts += target is RESUMING
            if approval.delivery is RESUMING:
                self._go_on(approval.run)
            self._happened("approval.delivery", approval_id)

    @precondition(lambda self: self.log)
    @rule(run=sampled_from(RUNS))
    def finish(self, run: int) -> None:
        async def call() -> Any:
            outcome = RunOutcome(state=RunState.SUCCEEDED)
            return await self.store.runs.finish(
                f"run_{run}", outcome, [event("end", "run.finished")], now=self._now
            )

        applied = self.portal.call(call) is not None
        assert applied is (self.runs[run].state is not RunState.SUCCEEDED)
        if not applied:
            return
        self.runs[run].state = RunState.SUCCEEDED
        for approval_id in self._pending(run):
            self._resolved(approval_id, ApprovalState.VOIDED, Delivery.NONE, go_on=False)
        for approval_id, approval in self.approvals.items():
            if approval.run == run and approval.delivery in (WAITING, RESUMING):
                approval.delivery = Delivery.FAILED
                self._happened("approval.delivery", approval_id)
        self.runs[run].events.append("run.finished")
        # The process went away in this very moment, and had not been told.
        for approval_id, approval in self.approvals.items():
            if approval.run == run:
                self._move_delivery(approval_id, approval, Delivery.DELIVERED, WAITING)

    def _one(self, given: DataObject) -> tuple[str, Model]:
        return given.draw(sampled_from(list(self.approvals.items())))

    # --- what always holds ------------------------------------------------------------------

    @invariant()
    def the_store_knows(self) -> None:
        self.portal.call(self._compare)

    async def _compare(self) -> None:
        for number, run in self.runs.items():
            assert (await self.store.runs.get(f"run_{number}")).state is run.state
            pending = self._pending(number)
            if pending:
                assert run.state is RunState.WAITING_APPROVAL
            records = await self.store.approvals.of_run(f"run_{number}")
            mine = {i: a for i, a in self.approvals.items() if a.run == number}
            assert {r.approval_id: _seen(r) for r in records} == {
                approval_id: self._expected(approval) for approval_id, approval in mine.items()
            }
            if run.state is RunState.SUCCEEDED:
                assert all(a.delivery not in (WAITING, RESUMING) for a in mine.values())
            stored = await events_of(self.store, f"conv_{number}")
            assert [e.type for e in stored] == run.events
        told = await self.store.approvals.events(after=0, limit=10_000)
        assert [(e.type, e.approval_id) for e in told] == self.log
        assert [e.seq for e in told] == sorted({e.seq for e in told})
        for entry in told[-1:]:
            shown = json.loads(entry.payload)["approval"]
            assert shown["state"] == self.approvals[entry.approval_id].state
        resolved = [i for kind, i in self.log if kind == "approval.resolved"]
        assert len(resolved) == len(set(resolved))
        pending = [i for i, a in self.approvals.items() if a.state is PENDING]
        assert await self.store.approvals.pending() == len(pending)
        due = await self.store.approvals.due(now=self._now, limit=100)
        assert sorted(due) == [i for i in pending if self.approvals[i].expires <= self.clock]
        held = {
            f"run_{a.run}"
            for a in self.approvals.values()
            if a.state is PENDING or a.delivery in (WAITING, RESUMING)
        }
        assert await self.store.approvals.held_runs() == held

    def _expected(self, a: Model) -> tuple[Any, ...]:
        expires = self._time(a.expires)
        return (
            *(a.state, a.delivery, a.decided_by, a.warned),
            *(a.extensions, a.attempts, expires, a.state is not PENDING),
        )


def _seen(record: ApprovalRecord) -> tuple[Any, ...]:
    return (
        *(record.state, record.delivery, record.decided_by, record.warned_at is not None),
        *(record.extensions, record.delivery_attempts, record.expires_at),
        record.decided_at is not None,
    )


def test_any_sequence_of_moves(open_store: OpenStore) -> None:
    class Machine(ApprovalMachine):
        def __init__(self) -> None:
            super().__init__(open_store)

    limits = settings(max_examples=25, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(Machine, settings=limits)
