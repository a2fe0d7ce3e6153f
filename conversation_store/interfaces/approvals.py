"""What a store does for approvals."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from conversation_store.records import (
    ApprovalEventRecord,
    ApprovalRecord,
    Moved,
    NewApproval,
    NewEvent,
)
from conversation_store.states import ApprovalState, Delivery


class Approvals(Protocol):
    """Questions, their decisions and the log of both."""

    async def open(self, approval: NewApproval, events: Sequence[NewEvent]) -> Moved | None:
        """Commit a question: the run waits for it, `events` and its own come after each other.

        None, and nothing changed, if the process asked just this with this id before, or the
        run is over.
        """
        ...

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
        ...

    async def expire(
        self, approval_id: str, *, reason: str, delivered: bool, now: str
    ) -> Moved | None:
        """End an approval that nobody decided in time; None if it is not due, or decided."""
        ...

    async def void(self, approval_id: str, *, reason: str, now: str) -> Moved | None:
        """Take a question back that is no longer asked; None if it is decided."""
        ...

    async def move_over(self, approval_id: str, run_id: str, *, now: str) -> Moved | None:
        """Let another run wait for it, which is of the same process; None if it is decided."""
        ...

    async def extend(
        self, approval_id: str, *, by_ms: int, expires_at: str, warn_at: str, now: str
    ) -> Moved | None:
        """Give a pending approval more time; None if it is decided or its time was over."""
        ...

    async def warn(self, approval_id: str, *, now: str) -> Moved | None:
        """Note that its time is nearly over; None if that was said or is not so."""
        ...

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
        ...

    async def get(self, approval_id: str) -> ApprovalRecord:
        """One approval; RecordNotFoundError if there is none."""
        ...

    async def of_run(self, run_id: str) -> list[ApprovalRecord]:
        """The approvals of a run in the order of their asking."""
        ...

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
        ...

    async def pending(self) -> int:
        """How many wait for a decision."""
        ...

    async def due(self, *, now: str, limit: int) -> builtins.list[str]:
        """The ids of pending approvals whose time is over."""
        ...

    async def to_warn(self, *, now: str, limit: int) -> builtins.list[str]:
        """The ids of those whose time is nearly over and of which that was not said."""
        ...

    async def next_moment(self) -> str | None:
        """When the next approval is due, or to be warned of."""
        ...

    async def held_runs(self) -> set[str]:
        """The runs that wait for a decision, or for a process to be told of one."""
        ...

    async def events(self, *, after: int, limit: int) -> builtins.list[ApprovalEventRecord]:
        """What happened after event `after`, oldest first."""
        ...

    async def last_event(self) -> int:
        """The seq of the last event; 0 before the first."""
        ...
