"""Approvals in the store: each move of one is a compare-and-set with its event, or nothing."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from conversation_store import free_json, interfaces
from conversation_store.approval_log import (
    DELIVERY,
    EXTENDED,
    MOVED,
    REQUESTED,
    RESOLVED,
    WARNING,
    event_payload,
)
from conversation_store.errors import RecordNotFoundError
from conversation_store.records import (
    ApprovalEventRecord,
    ApprovalRecord,
    Moved,
    NewApproval,
    NewEvent,
    StoredEvent,
)
from conversation_store.sqlite.events import append_events
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Urgency, Writer
from conversation_store.states import ApprovalState, Delivery, RunState

_APPROVALS = Rows(ApprovalRecord)
_QUESTIONS = Rows(NewApproval, free_json.encode_ascii)


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


class Approvals(interfaces.Approvals):
    """`interfaces.Approvals` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @override
    async def open(self, approval: NewApproval, events: Sequence[NewEvent]) -> Moved | None:
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

    @override
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
        parameters = {
            "approval_id": approval_id,
            "state": state,
            "decision": free_json.encode_ascii(decision),
            "decided_by": by,
            "decided_via": via,
            "reason": reason,
            "delivery": Delivery.DELIVERED if delivered else Delivery.WAITING,
            "now": now,
        }
        return await self._move("decide_approval", parameters, RESOLVED, go_on=delivered)

    @override
    async def expire(
        self, approval_id: str, *, reason: str, delivered: bool, now: str
    ) -> Moved | None:
        parameters = {
            "approval_id": approval_id,
            "reason": reason,
            "delivery": Delivery.DELIVERED if delivered else Delivery.WAITING,
            "now": now,
        }
        return await self._move("expire_approval", parameters, RESOLVED, go_on=delivered)

    @override
    async def void(self, approval_id: str, *, reason: str, now: str) -> Moved | None:
        parameters = {"approval_id": approval_id, "reason": reason, "now": now}
        return await self._move("void_approval", parameters, RESOLVED, go_on=True)

    @override
    async def move_over(self, approval_id: str, run_id: str, *, now: str) -> Moved | None:
        parameters = {"approval_id": approval_id, "run_id": run_id, "now": now}

        def unit(transaction: Transaction) -> Moved | None:
            rows = transaction.run("move_approval", parameters)
            if not rows:
                return None
            approval = _APPROVALS.record(rows[0])
            _move_run(transaction, run_id, RunState.RUNNING, RunState.WAITING_APPROVAL)
            return Moved(approval, _tell(transaction, approval, MOVED, now))

        return await self._writer.submit(unit, durable=True, urgency=Urgency.END)

    @override
    async def extend(
        self, approval_id: str, *, by_ms: int, expires_at: str, warn_at: str, now: str
    ) -> Moved | None:
        parameters = {
            "approval_id": approval_id,
            "by_ms": by_ms,
            "expires_at": expires_at,
            "warn_at": warn_at,
            "now": now,
        }
        return await self._move("extend_approval", parameters, EXTENDED)

    @override
    async def warn(self, approval_id: str, *, now: str) -> Moved | None:
        return await self._move("warn_approval", {"approval_id": approval_id, "now": now}, WARNING)

    @override
    async def move_delivery(
        self,
        approval_id: str,
        source: Delivery,
        target: Delivery,
        *,
        now: str,
        error: str | None = None,
    ) -> Moved | None:
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

    @override
    async def get(self, approval_id: str) -> ApprovalRecord:
        rows = await self._readers.read("get_approval", {"approval_id": approval_id})
        if not rows:
            raise RecordNotFoundError("approval_not_found", f"no approval is {approval_id!r}")
        return _APPROVALS.record(rows[0])

    @override
    async def of_run(self, run_id: str) -> list[ApprovalRecord]:
        rows = await self._readers.read("approvals_of_run", {"run_id": run_id})
        return [_APPROVALS.record(row) for row in rows]

    @override
    async def list(
        self,
        *,
        state: ApprovalState | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        before: str | None = None,
        limit: int,
    ) -> builtins.list[ApprovalRecord]:
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

    @override
    async def pending(self) -> int:
        return int((await self._readers.read("count_pending", {}))[0][0])

    @override
    async def due(self, *, now: str, limit: int) -> builtins.list[str]:
        rows = await self._readers.read("due_approvals", {"now": now, "limit": limit})
        return [str(row[0]) for row in rows]

    @override
    async def to_warn(self, *, now: str, limit: int) -> builtins.list[str]:
        rows = await self._readers.read("approvals_to_warn", {"now": now, "limit": limit})
        return [str(row[0]) for row in rows]

    @override
    async def next_moment(self) -> str | None:
        moment: str | None = (await self._readers.read("next_approval_moment", {}))[0][0]
        return moment

    @override
    async def held_runs(self) -> set[str]:
        return {str(row[0]) for row in await self._readers.read("held_runs", {})}

    @override
    async def events(self, *, after: int, limit: int) -> builtins.list[ApprovalEventRecord]:
        rows = await self._readers.read("approval_events_after", {"after": after, "limit": limit})
        return [ApprovalEventRecord(*row) for row in rows]

    @override
    async def last_event(self) -> int:
        return int((await self._readers.read("last_approval_event", {}))[0][0])


def _go_on(transaction: Transaction, run_id: str) -> None:
    """Back to `running`, if the run waits for no other decision."""
    if not transaction.run("pending_of_run", {"run_id": run_id})[0][0]:
        _move_run(transaction, run_id, RunState.WAITING_APPROVAL, RunState.RUNNING)


def _move_run(transaction: Transaction, run_id: str, source: RunState, target: RunState) -> None:
    sources = {"source_1": source, "source_2": source}
    move = {"run_id": run_id, "state": target, "started_at": None, "form": None}
    transaction.run("move_run", {**move, **sources})
