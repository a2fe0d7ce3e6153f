"""The states of a run and of an approval, and the moves between them.

Imports nothing of the project.

queued -> starting -> running <-> waiting_approval, and from each of these exactly one move
to a terminal state.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache


class RunState(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    WAITING_APPROVAL = "waiting_approval"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"


TERMINAL = frozenset(
    {
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.CANCELLED,
        RunState.TIMED_OUT,
        RunState.INTERRUPTED,
    }
)

MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: TERMINAL | {RunState.STARTING},
    RunState.STARTING: TERMINAL | {RunState.RUNNING},
    RunState.RUNNING: TERMINAL | {RunState.WAITING_APPROVAL},
    RunState.WAITING_APPROVAL: TERMINAL | {RunState.RUNNING},
    **{state: frozenset[RunState]() for state in TERMINAL},
}


def is_terminal(state: RunState) -> bool:
    """True if nothing can happen to the run any more."""
    return state in TERMINAL


@cache
def sources_of(target: RunState) -> tuple[RunState, ...]:
    """The states from which a run may go to `target`."""
    return tuple(state for state, targets in MOVES.items() if target in targets)


class ApprovalKind(StrEnum):
    """What is asked for."""

    PERMISSION = "permission"
    QUESTION = "question"
    PLAN = "plan"
    TOOL = "tool"


class ApprovalState(StrEnum):
    """Where an approval is: `pending`, and from there exactly one move to another."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOIDED = "voided"


class Delivery(StrEnum):
    """What became of a decision.

    none -> delivered            the process that asked was there, and was told
    none -> waiting              it was gone: its session is to be resumed
    waiting <-> resuming         a process was started for it
    resuming -> delivered        the call came again and was let through, once
    waiting, resuming -> failed  it never came, or the session could not be resumed
    """

    NONE = "none"
    WAITING = "waiting"
    RESUMING = "resuming"
    DELIVERED = "delivered"
    FAILED = "failed"


class ComparisonState(StrEnum):
    """Where a comparison is: `running`, and from there one move to another."""

    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What two legs that were given the same prompt have in common."""

    MATCH = "match"
    EQUIVALENT = "equivalent"
    MISMATCH = "mismatch"
    PRIMARY_FAILED = "primary_failed"
    MIRROR_FAILED = "mirror_failed"
    BOTH_FAILED = "both_failed"


class Isolation(StrEnum):
    """Where a mirror worked: in a repository of its own, a copy, or the agent's folder.

    `read_only` is the agent's own folder with every tool denied that does not only read.
    """

    WORKTREE = "worktree"
    COPY = "copy"
    READ_ONLY = "read_only"
    NONE = "none"


class StoreState(StrEnum):
    """What the database can do. All but `ok` refuse new work; reads are tried in each."""

    OK = "ok"
    FULL = "full"
    LOCKED = "locked"
    UNWRITABLE = "unwritable"
    CORRUPT = "corrupt"
    FENCED = "fenced"
