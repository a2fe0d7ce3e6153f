"""Whether a decision may be taken, by what it holds."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.approvals.decision import Decision, check
from agent_runner.errors import AgentRunnerError
from conversation_store.records import ApprovalRecord
from conversation_store.states import ApprovalKind, ApprovalState, Delivery

OPTIONS = [
    {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]
ALL = ["message", "updatedInput", "session", "options", "stop", "answers"]


def approval(**more: Any) -> ApprovalRecord:
    given: dict[str, Any] = {
        "approval_id": "appr_1",
        "conversation_id": "conv_1",
        "run_id": "run_1",
        "agent_id": "worker",
        "process_id": "proc_1",
        "request_id": "r1",
        "tool_call_id": None,
        "kind": ApprovalKind.PERMISSION,
        "tool": "Bash",
        "question": "May it?",
        "input": {"command": "ls"},
        "input_hash": "hash",
        "nonce": "nonce",
        "options": [],
        "hints": {},
        "features": ALL,
        "deciders": [],
        "state": ApprovalState.PENDING,
        "delivery": Delivery.NONE,
        "created_at": "2026-01-01T00:00:00.000Z",
        "expires_at": "2026-01-02T00:00:00.000Z",
        "warn_at": "2026-01-01T12:00:00.000Z",
        "warned_at": None,
        "extensions": 0,
        "decision": None,
        "decided_by": None,
        "decided_via": None,
        "decided_at": None,
        "reason": None,
        "delivery_attempts": 0,
        "delivery_error": None,
        "extended_ms": 0,
    }
    return ApprovalRecord(**{**given, **more})


@pytest.mark.parametrize(
    ("of", "decided", "result"),
    [
        ({}, {"approve": True, "input_hash": "hash"}, True),
        ({}, {"approve": False}, False),
        ({}, {}, "no_decision"),
        ({}, {"approve": True}, "input_hash_required"),
        ({}, {"approve": True, "input_hash": "other"}, "approval_changed"),
        ({}, {"approve": False, "nonce": "other"}, "approval_changed"),
        ({"options": OPTIONS}, {"option_id": "no"}, False),
        ({"options": OPTIONS}, {"option_id": "yes", "input_hash": "hash"}, True),
        ({"options": OPTIONS}, {"option_id": "maybe"}, "unknown_option"),
        ({}, {"option_id": "yes"}, "unknown_option"),
        ({"options": OPTIONS}, {"option_id": "no", "approve": True}, "unknown_option"),
        ({"deciders": ["eve"]}, {"approve": False}, "not_a_decider"),
        ({"deciders": ["ann"]}, {"approve": False}, False),
        ({"features": []}, {"approve": False, "message": "no"}, False),
        ({"features": ["message"]}, {"approve": False, "stop": True}, "unsupported_option"),
        ({}, {"approve": True, "input_hash": "hash", "stop": True}, "unsupported_option"),
        ({}, {"approve": False, "session": True}, "unsupported_option"),
        (
            {"kind": ApprovalKind.QUESTION},
            {"approve": True, "input_hash": "hash"},
            "answers_required",
        ),
    ],
)
def test_what_may_be_decided(of: dict[str, Any], decided: dict[str, Any], result: Any) -> None:
    decision = Decision(by="ann", via="http", **decided)
    if isinstance(result, bool):
        assert check(approval(**of), decision) is result
        return
    with pytest.raises(AgentRunnerError) as caught:
        check(approval(**of), decision)
    assert caught.value.code == result
    assert caught.value.message
