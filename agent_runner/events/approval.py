"""The life of an approval. The store makes these, with the move that each reports."""

from __future__ import annotations

from typing import Any

from agent_runner.events.base import AgentEvent


class ApprovalRequested(AgentEvent, frozen=True, kw_only=True, tag="approval.requested"):
    """The run waits until a human decides; `approval` is the whole record."""

    approval: dict[str, Any]


class ApprovalWarning(AgentEvent, frozen=True, kw_only=True, tag="approval.warning"):
    """Nobody has decided and the time is nearly over (`expiresAt`)."""

    approval: dict[str, Any]


class ApprovalExtended(AgentEvent, frozen=True, kw_only=True, tag="approval.extended"):
    """There is more time to decide."""

    approval: dict[str, Any]


class ApprovalResolved(AgentEvent, frozen=True, kw_only=True, tag="approval.resolved"):
    """It was approved or rejected, expired, or voided because nobody asks any more."""

    approval: dict[str, Any]


class ApprovalMoved(AgentEvent, frozen=True, kw_only=True, tag="approval.moved"):
    """It is asked by work that outlives its run: `approval.runId` is the run that waits now."""

    approval: dict[str, Any]


class ApprovalDelivery(AgentEvent, frozen=True, kw_only=True, tag="approval.delivery"):
    """A decision that the asking process did not live to hear is on its way, or was lost."""

    approval: dict[str, Any]
