"""Claude Code's `result` line and exit status to the result of the turn.

Recorded from 2.1.197: an API error is subtype `success` with `is_error` and exit 1; exit 0
without a result is a lost answer or an early SIGINT, never a success. Nor is it one if nothing
was answered, if its last word was an API error, or if `terminal_reason` says that it broke off.
"""

from __future__ import annotations

from agent_runner.agents.claude.schema import Result
from agent_runner.agents.failures import code_for, short
from agent_runner.agents.unanswered import PLACEHOLDER
from agent_runner.decoding.decode import whole
from agent_runner.events.message import TurnCompleted
from agent_runner.events.usage import Usage
from conversation_store.codes import FailureCode

_BY_SUBTYPE = {
    "error_max_turns": FailureCode.MAX_TURNS,
    "error_max_budget_usd": FailureCode.MAX_BUDGET,
    "error_max_structured_output_retries": FailureCode.STRUCTURED_OUTPUT,
}

_BY_TERMINAL_REASON = {
    "aborted_streaming": FailureCode.INTERRUPTED,
    "aborted_tools": FailureCode.INTERRUPTED,
    "max_turns": FailureCode.MAX_TURNS,
    "prompt_too_long": FailureCode.CONTEXT_TOO_LONG,
}

# Ends that the CLI itself counts as failures, or as cut off (read in 2.1.197 and 2.1.329), which
# a result of subtype `success` may have.
_BROKE_OFF = {
    "api_error": FailureCode.API_ERROR,
    "blocking_limit": FailureCode.CONTEXT_TOO_LONG,
    "budget_exhausted": FailureCode.MAX_BUDGET,
    "image_error": FailureCode.INVALID_REQUEST,
    "malformed_tool_use_exhausted": FailureCode.GAVE_UP,
    "max_turns": FailureCode.MAX_TURNS,
    "model_error": FailureCode.API_ERROR,
    "prompt_too_long": FailureCode.CONTEXT_TOO_LONG,
    "rapid_refill_breaker": FailureCode.GAVE_UP,
    "structured_output_retry_exhausted": FailureCode.STRUCTURED_OUTPUT,
    "tool_deferred_unavailable": FailureCode.GAVE_UP,
    "turn_setup_failed": FailureCode.CLI_ERROR,
}
_HOOK_STOPPED = ("hook_stopped", "stop_hook_prevented")

API_ERRORS = {
    "authentication_failed": FailureCode.AUTH_REQUIRED,
    "oauth_org_not_allowed": FailureCode.AUTH_REQUIRED,
    "rate_limit": FailureCode.RATE_LIMITED,
    "overloaded": FailureCode.OVERLOADED,
    "server_error": FailureCode.API_ERROR,
    "invalid_request": FailureCode.INVALID_REQUEST,
    "model_not_found": FailureCode.MODEL_NOT_FOUND,
    "billing_error": FailureCode.BILLING,
    "max_output_tokens": FailureCode.MAX_OUTPUT,
}
"""`assistant.error` and `api_retry.error`; `unknown` and new words are left to the status."""


def tells_how(result: Result) -> bool:
    """True if a damaged result still tells how its turn went; `success` is said of errors too."""
    if result.subtype is not None and result.subtype.startswith("error"):
        return True
    return any(value is not None for value in (result.is_error, result.result, result.num_turns))


def turn_result(
    result: Result,
    *,
    api_error: str | None,
    interrupting: bool,
    wants_structure: bool,
    lacks: tuple[FailureCode, str] | None,
    last_text: str | None,
    session_id: str | None,
    usage: Usage | None,
    cost: float | None,
    unsolicited: bool,
) -> TurnCompleted:
    """The turn's end. A failed turn's text is what the model had said, not the error.

    `api_error` is of the last message, None if that was the model's own. `lacks` is why it is no
    success if the CLI says it is: nothing was answered.
    """
    code: FailureCode | None = None
    error: str | None = None
    # The same object where the texts are equal: an answer may have megabytes.
    text = last_text if result.result in (None, last_text) else result.result
    if last_text and result.result == PLACEHOLDER:
        text = last_text
    reason = result.terminal_reason or ""
    if not _ended_well(result):
        said = "; ".join(str(item) for item in result.errors or ()) or result.result or ""
        code = _code(result, api_error, said, interrupting=interrupting)
        if code is FailureCode.INTERRUPTED:
            said = "interrupted"
        error = short(said) or reason or result.subtype or "the turn failed without a text"
        text = last_text
    elif reason in _BROKE_OFF:
        words = code_for(result.api_error_status, result.result or "", _BROKE_OFF[reason])
        code, text = words or _BROKE_OFF[reason], last_text
        error = short(result.result or "") or f"the turn broke off: {reason}"
    elif api_error is not None:
        said = result.result or ""
        code, text = code_for(result.api_error_status, said, API_ERRORS.get(api_error)), last_text
        code, error = code or FailureCode.API_ERROR, short(said) or api_error
    elif lacks is not None and result.structured_output is None:
        (code, error), text = lacks, last_text
    elif reason in _HOOK_STOPPED and not (text or "").strip():
        code, error = FailureCode.BLOCKED_BY_HOOK, f"a hook stopped the turn ({reason})"
    elif wants_structure and result.structured_output is None:
        # The CLI calls this a success and exits 0 when the model never used the schema.
        code = FailureCode.STRUCTURED_OUTPUT
        error = "the answer has no structured output"
    return TurnCompleted(
        ok=code is None,
        text=text,
        code=code,
        error=error,
        stop_reason=result.stop_reason or result.terminal_reason,
        session_id=session_id,
        usage=usage,
        cost_usd=cost,
        duration_ms=whole(result.duration_ms),
        num_turns=whole(result.num_turns),
        unsolicited=unsolicited,
    )


def _ended_well(result: Result) -> bool:
    """True if the CLI says so; one that does not say says it by its answer."""
    if result.subtype is None:
        return not result.is_error and not result.errors
    return result.subtype == "success" and not result.is_error


def _code(result: Result, api_error: str | None, said: str, *, interrupting: bool) -> FailureCode:
    if interrupting and result.api_error_status is None:
        return FailureCode.INTERRUPTED
    code = _BY_SUBTYPE.get(result.subtype or "") or _BY_TERMINAL_REASON.get(
        result.terminal_reason or ""
    )
    if code is not None:
        return code
    told = code_for(result.api_error_status, said, API_ERRORS.get(api_error or ""))
    return told or (FailureCode.API_ERROR if result.subtype == "success" else FailureCode.CLI_ERROR)
