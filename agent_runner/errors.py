"""Every error this service raises on purpose, and the HTTP status each answers with.

AgentRunnerError                      code, message, hint, status
├── BadRequestError                   400 / 422: the caller's input
├── UnauthorizedError                 401
├── ForbiddenError                    403: Host, Origin, cwd outside the allowed roots
├── NotFoundError                     404: unknown agent, conversation, run, turn
├── ConflictError                     409: agent exists, conversation ended, run already over
│   └── DecidedError                  409: another decision was first; it comes along
├── GoneError                         410: an approval that can no longer be decided
├── TooLargeError                     413
├── UnsupportedMediaTypeError         415
├── BusyError                         429: the agent's queue is full or the wait was too long
└── UnavailableError                  503: shutting down, a missing CLI

A failed run is no exception: it ends in state `failed` with a FailureCode.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar


class FailureCode(StrEnum):
    """Why a run did not succeed. Stable: clients switch on these strings."""

    AUTH_REQUIRED = "auth_required"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    BILLING = "billing"
    MODEL_NOT_FOUND = "model_not_found"
    CONTEXT_TOO_LONG = "context_too_long"
    INVALID_REQUEST = "invalid_request"
    API_ERROR = "api_error"
    CONNECTION_FAILED = "connection_failed"
    REFUSED = "refused"
    MAX_TURNS = "max_turns"
    MAX_BUDGET = "max_budget"
    MAX_OUTPUT = "max_output"
    STRUCTURED_OUTPUT = "structured_output"
    PERMISSION_DENIED = "permission_denied"
    SESSION_NOT_FOUND = "session_not_found"
    SESSION_BROKEN = "session_broken"
    SESSION_IN_USE = "session_in_use"
    UNTRUSTED_FOLDER = "untrusted_folder"
    NO_INPUT = "no_input"
    PROMPT_REFUSED = "prompt_refused"
    UNDELIVERED = "undelivered"
    NO_RESULT = "no_result"
    OUTPUT_LOST = "output_lost"
    NO_ANSWER = "no_answer"
    BLOCKED_BY_HOOK = "blocked_by_hook"
    GAVE_UP = "gave_up"
    CLI_USAGE = "cli_usage"
    CLI_ERROR = "cli_error"
    CLI_KILLED = "cli_killed"
    NOT_READING = "not_reading"
    PROTOCOL_ERROR = "protocol_error"
    SPAWN_FAILED = "spawn_failed"
    CLI_NOT_FOUND = "cli_not_found"
    CWD_MISSING = "cwd_missing"
    CWD_NOT_ALLOWED = "cwd_not_allowed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    START_TIMEOUT = "start_timeout"
    STALLED = "stalled"
    MEMORY_LIMIT = "memory_limit"
    CPU_LIMIT = "cpu_limit"
    PROCESS_LIMIT = "process_limit"
    OUTPUT_LIMIT = "output_limit"
    OOM_KILLED = "oom_killed"
    BACKGROUND_LOST = "background_lost"
    QUEUE_TIMEOUT = "queue_timeout"
    CIRCUIT_OPEN = "circuit_open"
    APPROVAL_REJECTED = "approval_rejected"
    APPROVAL_EXPIRED = "approval_expired"
    RESUME_FAILED = "resume_failed"
    INTERNAL = "internal"


class AgentRunnerError(Exception):
    """Base of the tree above; `code` is stable, `message` and `hint` are for people."""

    status: ClassVar[int] = 500

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class BadRequestError(AgentRunnerError):
    """The request cannot be understood or is not allowed to have these values."""

    status = 422


class UnauthorizedError(AgentRunnerError):
    """The bearer token is missing or wrong."""

    status = 401


class ForbiddenError(AgentRunnerError):
    """Understood and refused: a foreign Host or Origin, a folder outside the roots."""

    status = 403


class NotFoundError(AgentRunnerError):
    """The named thing does not exist."""

    status = 404


class ConflictError(AgentRunnerError):
    """The thing exists and is in a state that does not allow this."""

    status = 409


class DecidedError(ConflictError):
    """Somebody else decided first; `approval` is the record with that decision."""

    def __init__(self, code: str, message: str, approval: Mapping[str, Any]) -> None:
        super().__init__(code, message)
        self.approval = approval


class GoneError(AgentRunnerError):
    """It was there and is over: nothing can be done to it any more."""

    status = 410


class TooLargeError(AgentRunnerError):
    """The body or a field is over its limit."""

    status = 413


class UnsupportedMediaTypeError(AgentRunnerError):
    """POST and PATCH take application/json only."""

    status = 415


class BusyError(AgentRunnerError):
    """The agent has more work waiting than it may."""

    status = 429


class UnavailableError(AgentRunnerError):
    """The service or the CLI cannot take work now; `retry_after_s` says when to ask again."""

    status = 503

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.retry_after_s = retry_after_s
