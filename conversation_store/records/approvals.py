"""Questions that runs wait on."""

from __future__ import annotations

from typing import Any

import msgspec

from conversation_store.records.base import Record
from conversation_store.records.events import StoredEvent
from conversation_store.states import ApprovalKind, ApprovalState, Delivery


class NewApproval(Record, frozen=True, kw_only=True):
    """A question as it was asked; nothing of it changes later.

    `input_hash` is the SHA-256 (hex) of the canonical JSON of {tool, input}: a decision says
    which one it saw. `process_id` and `request_id` name the asking process and its own id.
    """

    approval_id: str
    conversation_id: str
    run_id: str
    agent_id: str
    process_id: str
    request_id: str
    tool_call_id: str | None
    kind: ApprovalKind
    tool: str
    question: str
    input: dict[str, Any]
    input_hash: str
    nonce: str
    options: list[dict[str, Any]]
    hints: dict[str, Any]
    features: list[str]
    deciders: list[str]
    created_at: str
    expires_at: str
    warn_at: str


class ApprovalRecord(Record, frozen=True, kw_only=True):
    """An approval: the question, where it stands, the decision and what became of it."""

    approval_id: str
    conversation_id: str
    run_id: str
    agent_id: str
    process_id: str
    request_id: str
    tool_call_id: str | None
    kind: ApprovalKind
    tool: str
    question: str
    input: dict[str, Any]
    input_hash: str
    nonce: str
    options: list[dict[str, Any]]
    hints: dict[str, Any]
    features: list[str]
    deciders: list[str]
    state: ApprovalState
    created_at: str
    expires_at: str
    warn_at: str
    warned_at: str | None
    extensions: int
    decision: dict[str, Any] | None
    decided_by: str | None
    decided_via: str | None
    decided_at: str | None
    reason: str | None
    delivery: Delivery
    delivery_attempts: int
    delivery_error: str | None
    extended_ms: int


class ApprovalEventRecord(msgspec.Struct, frozen=True):
    """One thing that happened to an approval; `payload` is its JSON object, encoded."""

    seq: int
    approval_id: str
    type: str
    time: str
    payload: bytes


class Moved(msgspec.Struct, frozen=True):
    """An approval after a move, and the events of its conversation that the move made."""

    approval: ApprovalRecord
    events: list[StoredEvent]
