"""Why a turn of Codex CLI failed: by its words, and as its app-server names it."""

from __future__ import annotations

import re
from typing import Any

from agent_runner.agents.codex.rpc_schema import TurnError
from agent_runner.agents.failures import code_for, code_for_status, code_for_text, readable, short
from agent_runner.events.usage import RetryScheduled
from conversation_store.codes import FailureCode

_REASONS = {
    "contextWindowExceeded": FailureCode.CONTEXT_TOO_LONG,
    "sessionBudgetExceeded": FailureCode.MAX_BUDGET,
    "usageLimitExceeded": FailureCode.RATE_LIMITED,
    "rateLimitExceeded": FailureCode.RATE_LIMITED,
    "serverOverloaded": FailureCode.OVERLOADED,
    "policyCapacityUnavailable": FailureCode.OVERLOADED,
    "flexUnavailable": FailureCode.OVERLOADED,
    "modelNotFound": FailureCode.MODEL_NOT_FOUND,
    "inferenceHookDenied": FailureCode.BLOCKED_BY_HOOK,
    "cyberPolicy": FailureCode.REFUSED,
    "bioPolicy": FailureCode.REFUSED,
    "misalignmentPolicyViolation": FailureCode.REFUSED,
    "tooManyDenials": FailureCode.PERMISSION_DENIED,
    "unauthorized": FailureCode.AUTH_REQUIRED,
    "badRequest": FailureCode.INVALID_REQUEST,
    "internalServerError": FailureCode.API_ERROR,
    "sandboxError": FailureCode.CLI_ERROR,
}
_ATTEMPTS = re.compile(r"(\d+)/(\d+)")
_CONNECTIONS = frozenset(
    ("httpConnectionFailed", "responseStreamConnectionFailed", "responseStreamDisconnected")
)


def verdict_of(error: TurnError) -> tuple[FailureCode, str]:
    """The code of a failed turn, and its text."""
    name, status = _named(error.codexErrorInfo)
    told = _REASONS.get(name) or code_for_status(status)
    code, text = verdict(error.message)
    code = code_for(status, text, told) or code
    if code is FailureCode.API_ERROR and name in _CONNECTIONS:
        code = FailureCode.CONNECTION_FAILED
    return code, text or "the CLI does not say why"


def retry_of(error: TurnError) -> RetryScheduled:
    """The retry that an error tells of."""
    code, text = verdict_of(error)
    tried = _ATTEMPTS.search(error.message)
    return RetryScheduled(
        attempt=int(tried[1]) if tried else 0,
        max_attempts=int(tried[2]) if tried else None,
        code=code,
        message=short(error.additionalDetails or text),
    )


def verdict(text: str) -> tuple[FailureCode, str]:
    """What an error's text means: of the API's answers it shows the body of a 400 alone."""
    said = readable(text)
    fallback = FailureCode.API_ERROR if said == text else FailureCode.INVALID_REQUEST
    return code_for_text(said) or fallback, short(said)


def _named(info: Any) -> tuple[str, float | None]:
    """Its word and the HTTP status, where there is one."""
    if isinstance(info, str):
        return info, None
    if isinstance(info, dict) and len(info) == 1:
        ((name, more),) = info.items()
        status = more.get("httpStatusCode") if isinstance(more, dict) else None
        return str(name), status if isinstance(status, int | float) else None
    return "", None
