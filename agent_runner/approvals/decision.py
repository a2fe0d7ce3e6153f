"""A decision on an approval: what it may hold, and whether it may be taken."""

from __future__ import annotations

from typing import Any

import msgspec

from agent_runner.agents.base import PermissionAnswer
from agent_runner.approvals.answers import Answers, checked
from agent_runner.errors import (
    BadRequestError,
    ConflictError,
    DecidedError,
    ForbiddenError,
    GoneError,
)
from conversation_store.records import ApprovalRecord
from conversation_store.states import ApprovalKind, ApprovalState


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody decided, having seen the call with `input_hash`.

    `approve` may be left out where `option_id` says it. `session` lets the same through for
    as long as the CLI's process lives; `stop` ends the turn; `answers` maps the questions of
    an approval of kind `question` to their answers.
    """

    by: str
    via: str
    approve: bool | None = None
    input_hash: str | None = None
    nonce: str | None = None
    option_id: str | None = None
    message: str | None = None
    updated_input: dict[str, Any] | None = None
    answers: Answers | None = None
    session: bool = False
    stop: bool = False

    def content(self, *, approve: bool) -> dict[str, Any]:
        """What was decided, without who did: equal contents are the same decision."""
        return {
            "action": "approve" if approve else "reject",
            "scope": "session" if self.session else "once",
            "optionId": self.option_id,
            "message": self.message,
            "updatedInput": self.updated_input,
            "answers": self.answers,
            "stop": self.stop,
        }


def answer_of(approval: ApprovalRecord) -> PermissionAnswer:
    """What the CLI is told of a decided or expired approval."""
    if approval.decision is None:
        return PermissionAnswer(allow=False, message=approval.reason)
    decision = approval.decision
    return PermissionAnswer(
        allow=approval.state is ApprovalState.APPROVED,
        message=decision["message"],
        updated_input=decision["updatedInput"],
        answers=decision["answers"],
        option_id=decision["optionId"],
        session=decision["scope"] == "session",
        interrupt=decision["stop"],
    )


def check(approval: ApprovalRecord, decision: Decision) -> bool:
    """Whether it approves; an error says why `decision` cannot be taken on `approval`.

    ConflictError `approval_changed`, ForbiddenError `not_a_decider`, BadRequestError
    `unknown_option`, `unsupported_option`, `no_decision`, `input_hash_required`.
    """
    approve = _approves(approval, decision)
    seen = decision.input_hash
    if (seen is not None and seen != approval.input_hash) or (
        decision.nonce is not None and decision.nonce != approval.nonce
    ):
        raise ConflictError(
            "approval_changed",
            "this decision was made on another request than the one that is asked",
            hint="read the approval again and decide on what it asks now",
        )
    if approve and seen is None:
        raise BadRequestError(
            "input_hash_required",
            "whoever approves says what was seen: inputHash of the approval",
            hint="GET /approvals/{approvalId} has it",
        )
    if approval.deciders and decision.by not in approval.deciders:
        raise ForbiddenError(
            "not_a_decider", f"{decision.by!r} may not decide this", hint="see its deciders"
        )
    _check_features(approval, decision, approve=approve)
    return approve


def in_form(approval: ApprovalRecord, decision: Decision) -> Decision:
    """`decision` with its answers as the CLI takes them; BadRequestError `unknown_answer`."""
    if decision.answers is None or approval.kind is not ApprovalKind.QUESTION:
        return decision
    answers = checked(approval.input, decision.answers)
    return msgspec.structs.replace(decision, answers=answers)


def refuse_decided(approval: ApprovalRecord, decision: Decision, *, approve: bool) -> None:
    """Return if `approval` was decided just so; raise what the latecomer is told if not."""
    if approval.state is ApprovalState.EXPIRED:
        raise GoneError("approval_expired", f"nobody decided by {approval.expires_at}")
    if approval.state is ApprovalState.VOIDED:
        raise GoneError("approval_voided", f"nobody asks this any more: {approval.reason}")
    if approval.decision != decision.content(approve=approve):
        raise DecidedError(
            "approval_decided",
            f"{approval.decided_by} has {approval.state} this already",
            msgspec.to_builtins(approval),
        )


def _approves(approval: ApprovalRecord, decision: Decision) -> bool:
    if decision.option_id is None:
        if decision.approve is None:
            raise BadRequestError(
                "no_decision", "neither decision nor optionId", hint='"decision": "approve"'
            )
        return decision.approve
    kinds = {option["optionId"]: option["kind"] for option in approval.options}
    kind = kinds.get(decision.option_id)
    if kind is None:
        raise BadRequestError(
            "unknown_option",
            f"{decision.option_id!r} is not offered",
            hint=f"one of {', '.join(kinds)}" if kinds else "this approval has no options",
        )
    approve = not kind.startswith("reject")
    if decision.approve not in (None, approve):
        raise BadRequestError(
            "unknown_option", f"option {decision.option_id!r} contradicts the decision"
        )
    return approve


def _check_features(approval: ApprovalRecord, decision: Decision, *, approve: bool) -> None:
    asked = {
        "updatedInput": decision.updated_input is not None,
        "session": decision.session,
        "stop": decision.stop,
        "answers": decision.answers is not None,
    }
    for feature, wanted in asked.items():
        if wanted and feature not in approval.features:
            raise BadRequestError(
                "unsupported_option",
                f"this CLI or question takes no {feature} in an answer",
                hint=f"it takes {', '.join(approval.features) or 'approve or reject only'}",
            )
        if wanted and approve is (feature == "stop"):
            raise BadRequestError(
                "unsupported_option",
                f"{feature} goes with {'reject' if feature == 'stop' else 'approve'} only",
            )
    if approve and approval.kind is ApprovalKind.QUESTION and not decision.answers:
        raise BadRequestError(
            "answers_required",
            "a question is approved by answering it",
            hint='"answers": {"the question": "the answer"}',
        )
