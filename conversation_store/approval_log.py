"""What the log of approvals tells of each move."""

from __future__ import annotations

import msgspec

from conversation_store import free_json
from conversation_store.records import ApprovalRecord

REQUESTED = "approval.requested"
WARNING = "approval.warning"
EXTENDED = "approval.extended"
RESOLVED = "approval.resolved"
MOVED = "approval.moved"
DELIVERY = "approval.delivery"

# What was shown with the question need not come again with each thing that happens to it.
_ONCE = ("input", "options", "hints", "features", "deciders")


def event_payload(kind: str, approval: ApprovalRecord) -> bytes:
    """The JSON object of an event; all that was asked is in the first one only."""
    shown = msgspec.to_builtins(approval)
    if kind != REQUESTED:
        for name in _ONCE:
            del shown[name]
    return free_json.encode_ascii({"type": kind, "approval": shown}).encode()
