"""The errors that a caller is answered with, and the HTTP status of each.

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

A failed run is no exception: it ends in state `failed` with a code (`conversation_store.codes`).
Errors that stay inside have a class where they are raised: `process.warden.SpawnError`,
`runners.launcher.LaunchError`, and `conversation_store.errors.StoreError`, which `api.problems`
answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


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
