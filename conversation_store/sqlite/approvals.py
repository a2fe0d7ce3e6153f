"""Approvals in the store: each move of one is a compare-and-set with its event, or nothing."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from conversation_store.errors import RecordNotFoundError
from conversation_store.records import (
    ApprovalEventRecord,
    ApprovalRecord,
    NewApproval,
    NewEvent,
    StoredEvent,
)
from conversation_store.sqlite.events import append_events
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.rows import Rows, to_ascii_json
from conversation_store.sqlite.writer import Transaction, Urgency, Writer
from conversation_store.states import ApprovalState, Delivery, RunState

REQUESTED = "approval.requested"
WARNING = "approval.warning"
EXTENDED = "approval.extended"
RESOLVED = "approval.resolved"
MOVED = "approval.moved"
DELIVERY = "approval.delivery"

_APPROVALS = Rows(ApprovalRecord)
_QUESTIONS = Rows(NewApproval, to_ascii_json)
# What was shown with the question need not come again with each thing that happens to it.
_ONCE = ("input", "options", "hints", "features", "deciders")


def event_payload(kind: str, approval: ApprovalRecord) -> bytes:
    """The JSON object of an event; all that was asked is in the first one only."""
    shown = msgspec.to_builtins(approval)
    if kind != REQUESTED:
        for name in _ONCE:
            del shown[name]
    return to_ascii_json({"type": kind, "approval": shown}).encode()


class Moved(msgspec.Struct, frozen=True):
    """An approval after a move, and the events of its conversation that the move made."""

    approval: ApprovalRecord
    events: list[StoredEvent]


def asked(transaction: Transaction, run_id: str) -> bool:
    """True if the run ever asked anything."""
    return bool(transaction.run("run_asked", {"run_id": run_id})[0][0])


def void_of_run(
    transaction: Transaction, run_id: str, *, reason: str, now: str
) -> list[StoredEvent]:
    """Void what a run that is over still asked, and give up what was to be delivered to it."""
    stored: list[StoredEvent] = []
    for row in transaction.run(
        "void_approvals_of_run", {"run_id": run_id, "reason": reason, "now": now}
    ):
        stored += _tell(transaction, _APPROVALS.record(row), RESOLVED, now)
    for row in transaction.run("fail_deliveries_of_run", {"run_id": run_id, "error": reason}):
        stored += _tell(transaction, _APPROVALS.record(row), DELIVERY, now)
    return stored


def _tell(
    transaction: Transaction, approval: ApprovalRecord, kind: str, now: str
) -> list[StoredEvent]:
    """Write an event of `approval` to the approvals' own log and to its conversation's."""
    payload = event_payload(kind, approval)
    transaction.run_many("insert_approval_event", [(approval.approval_id, kind, now, payload)])
    event = NewEvent(kind, now, payload)
    return append_events(transaction, approval.conversation_id, approval.run_id, [event])


class Approvals:
    """Questions, their decisions and the log of both."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def open(self, approval: NewApproval, events: Sequence[NewEvent]) -> Moved | None:
        """Commit a question: the run waits for it, `events` and its own come after each other.

        None, and nothing changed, if the process asked just this with this id before, or the
        run is over.
        """
        parameters = _QUESTIONS.parameters(approval)

        def unit(transaction: Transaction) -> Moved | None:
            rows = transaction.run("insert_approval", parameters)
            if not rows:
                return None
            made = _APPROVALS.record(rows[0])
            _move_run(transaction, made.run_id, RunState.RUNNING, RunState.WAITING_APPROVAL)
            stored = append_events(transaction, made.conversation_id, made.run_id, events)
            return Moved(made, stored + _tell(transaction, made, REQUESTED, made.created_at))

        return await self._writer.submit(unit, durable=True, urgency=Urgency.END)

    async def decide(
        self,
        approval_id: str,
        state: ApprovalState,
        decision: Mapping[str, Any],
        *,
        by: str,
        via: str,
        reason: str | None,
        delivered: bool,
        now: str,
    ) -> Moved | None:
        """Commit the one decision; None if there was one before, or the time is over.

        With `delivered` the asking process is there to be told, and is told after this: so a
        decision reaches a process at most once. Its run goes on if it waits for nothing else.
        """
        parameters = {
            "approval_id": approval_id,
            "state": state,
            "decision": to_ascii_json(decision),
            "decided_by": by,
            "decided_via": via,
            "reason": reason,
            "delivery": Delivery.DELIVERED if delivered else Delivery.WAITING,
            "now": now,
        }
        return await self._move("decide_approval", parameters, RESOLVED, go_on=delivered)

    async def expire(
        self, approval_id: str, *, reason: str, delivered: bool, now: str
    ) -> Moved | None:
        """End an approval that nobody decided in time; None if it is not due, or decided."""
        parameters = {
            "approval_id": approval_id,
            "reason": reason,
            "delivery": Delivery.DELIVERED if delivered else Delivery.WAITING,
            "now": now,
        }
        return await self._move("expire_approval", parameters, RESOLVED, go_on=delivered)

    async def void(self, approval_id: str, *, reason: str, now: str) -> Moved | None:
        """Take a question back that is no longer asked; None if it is decided."""
        parameters = {"approval_id": approval_id, "reason": reason, "now": now}
        return await self._move("void_approval", parameters, RESOLVED, go_on=True)

    async def move_over(self, approval_id: str, run_id: str, *, now: str) -> Moved | None:
        """Let another run wait for it, which is of the same process; None if it is decided."""
        parameters = {"approval_id": approval_id, "run_id": run_id, "now": now}

        def unit(transaction: Transaction) -> Moved | None:
            rows = transaction.run("move_approval", parameters)
            if not rows:
                return None
            approval = _APPROVALS.record(rows[0])
            _move_run(transaction, run_id, RunState.RUNNING, RunState.WAITING_APPROVAL)
            return Moved(approval, _tell(transaction, approval, MOVED, now))

        return await self._writer.submit(unit, durable=True, urgency=Urgency.END)

    async def extend(
        self, approval_id: str, *, by_ms: int, expires_at: str, warn_at: str, now: str
    ) -> Moved | None:
        """Give a pending approval more time; None if it is decided or its time was over."""
        parameters = {
            "approval_id": approval_id,
            "by_ms": by_ms,
            "expires_at": expires_at,
            "warn_at": warn_at,
            "now": now,
        }
        return await self._move("extend_approval", parameters, EXTENDED)

    async def warn(self, approval_id: str, *, now: str) -> Moved | None:
        """Note that its time is nearly over; None if that was said or is not so."""
        return await self._move("warn_approval", {"approval_id": approval_id, "now": now}, WARNING)

    async def move_delivery(
        self,
        approval_id: str,
        source: Delivery,
        target: Delivery,
        *,
        now: str,
        error: str | None = None,
    ) -> Moved | None:
        """Move what becomes of a decision on; None if it is not at `source`.

        With `resuming` the run goes on, if it waits for no other decision. What would be
        brought to a run that is over is `failed`.
        """
        parameters = {
            "approval_id": approval_id,
            "source": source,
            "target": target,
            "error": error,
            "attempts": 1 if target is Delivery.RESUMING else 0,
            "now": now,
        }
        go_on = target is Delivery.RESUMING
        return await self._move("move_delivery", parameters, DELIVERY, go_on=go_on)

    async def _move(
        self, statement: str, parameters: dict[str, Any], kind: str, *, go_on: bool = False
    ) -> Moved | None:
        """Run a compare-and-set, tell of it, and with `go_on` let the run go on if it may."""

        def unit(transaction: Transaction) -> Moved | None:
            rows = transaction.run(statement, parameters)
            if not rows:
                return None
            approval = _APPROVALS.record(rows[0])
            if go_on:
                _go_on(transaction, approval.run_id)
            return Moved(approval, _tell(transaction, approval, kind, parameters["now"]))

        return await self._writer.submit(unit, durable=True, urgency=Urgency.END)

    # --- reading ----------------------------------------------------------------------------

    async def get(self, approval_id: str) -> ApprovalRecord:
        """One approval; RecordNotFoundError if there is none."""
        rows = await self._readers.read("get_approval", {"approval_id": approval_id})
        if not rows:
            raise RecordNotFoundError("approval_not_found", f"no approval is {approval_id!r}")
        return _APPROVALS.record(rows[0])

    async def of_run(self, run_id: str) -> list[ApprovalRecord]:
        """The approvals of a run in the order of their asking."""
        rows = await self._readers.read("approvals_of_run", {"run_id": run_id})
        return [_APPROVALS.record(row) for row in rows]

    async def list(
        self,
        *,
        state: ApprovalState | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        before: str | None = None,
        limit: int,
    ) -> builtins.list[ApprovalRecord]:
        """Approvals, newest first, older than the approval `before`."""
        statement = "list_approvals"
        if state is ApprovalState.PENDING:
            statement = "list_pending_approvals"
        rows = await self._readers.read(
            statement,
            {
                "state": state,
                "agent_id": agent_id,
                "run_id": run_id,
                "before": before,
                "limit": limit,
            },
        )
        return [_APPROVALS.record(row) for row in rows]

    async def pending(self) -> int:
        """How many wait for a decision."""
        return int((await self._readers.read("count_pending", {}))[0][0])

    async def due(self, *, now: str, limit: int) -> builtins.list[str]:
        """The ids of pending approvals whose time is over."""
        rows = await self._readers.read("due_approvals", {"now": now, "limit": limit})
        return [str(row[0]) for row in rows]

    async def to_warn(self, *, now: str, limit: int) -> builtins.list[str]:
        """The ids of those whose time is nearly over and of which that was not said."""
        rows = await self._readers.read("approvals_to_warn", {"now": now, "limit": limit})
        return [str(row[0]) for row in rows]

    async def next_moment(self) -> str | None:
        """When the next approval is due, or to be warned of."""
        moment: str | None = (await self._readers.read("next_approval_moment", {}))[0][0]
        return moment

    async def held_runs(self) -> set[str]:
        """The runs that wait for a decision, or for a process to be told of one."""
        return {str(row[0]) for row in await self._readers.read("held_runs", {})}

    async def events(self, *, after: int, limit: int) -> builtins.list[ApprovalEventRecord]:
        """What happened after event `after`, oldest first."""
        rows = await self._readers.read("approval_events_after", {"after": after, "limit": limit})
        return [ApprovalEventRecord(*row) for row in rows]

    async def last_event(self) -> int:
        """The seq of the last event; 0 before the first."""
        return int((await self._readers.read("last_approval_event", {}))[0][0])


def _go_on(transaction: Transaction, run_id: str) -> None:
    """Back to `running`, if the run waits for no other decision."""
    if not transaction.run("pending_of_run", {"run_id": run_id})[0][0]:
        _move_run(transaction, run_id, RunState.WAITING_APPROVAL, RunState.RUNNING)


def _move_run(transaction: Transaction, run_id: str, source: RunState, target: RunState) -> None:
    sources = {"source_1": source, "source_2": source}
    move = {"run_id": run_id, "state": target, "started_at": None, "form": None}
    transaction.run("move_run", {**move, **sources})
