"""Why Droid ended a turn, as its JSON-RPC and its transcript name it."""

from __future__ import annotations

from agent_runner.agents.failures import code_for
from conversation_store.codes import FailureCode

_REASONS = {
    "cancelled": FailureCode.INTERRUPTED,
    "permission_rejected": FailureCode.PERMISSION_DENIED,
    "no_approver_available": FailureCode.PERMISSION_DENIED,
    "process_exit": FailureCode.CLI_ERROR,
    "structured_output_missing": FailureCode.STRUCTURED_OUTPUT,
    "structured_output_invalid": FailureCode.STRUCTURED_OUTPUT,
    "structured_output_schema_invalid": FailureCode.STRUCTURED_OUTPUT,
    "model_usage_exhausted": FailureCode.BILLING,
    "model_authentication_failed": FailureCode.AUTH_REQUIRED,
    "model_request_rejected": FailureCode.INVALID_REQUEST,
    "model_provider_unreachable": FailureCode.CONNECTION_FAILED,
    "model_provider_unavailable": FailureCode.OVERLOADED,
    "model_rate_limited": FailureCode.RATE_LIMITED,
    "prompt_rejected": FailureCode.REFUSED,
}


def code_for_reason(reason: str, error: str | None) -> FailureCode | None:
    """The code of a turn that ended for `reason`; None if it went well.

    A rejected request may be a wrong model or too long a context: `error` tells.
    """
    if reason in ("completed", "spec_handoff"):
        return None
    return code_for(None, error or "", _REASONS.get(reason)) or FailureCode.API_ERROR
