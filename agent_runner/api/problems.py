"""Errors as application/problem+json (RFC 9457) with a stable `code` and an `error` text."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any

import structlog
from msgspec import UNSET, UnsetType
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.api.context import context
from agent_runner.api.hints import HINTS
from agent_runner.api.replies import Reply
from agent_runner.api.run_reply import RunReply
from agent_runner.errors import AgentRunnerError, DecidedError, UnavailableError
from agent_runner.maintenance.store_watch import StoreHealth
from agent_runner.troubles import Trouble
from conversation_store.codes import FailureCode
from conversation_store.errors import (
    RecordConflictError,
    RecordNotFoundError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnwritableError,
)
from conversation_store.records import ApprovalRecord

log = structlog.get_logger(__name__)

# A run that ended this way never reached a model: the machine needs something, and a JSON
# execute answers with a problem. Every other end is an answer, with `success` false.
RUN_PROBLEMS = {
    FailureCode.CLI_NOT_FOUND.value: 503,
    FailureCode.SPAWN_FAILED.value: 503,
    FailureCode.AUTH_REQUIRED.value: 503,
    FailureCode.CWD_MISSING.value: 409,
    FailureCode.PROMPT_REFUSED.value: 422,
    FailureCode.CWD_NOT_ALLOWED.value: 403,
    FailureCode.INTERNAL.value: 500,
    FailureCode.QUEUE_TIMEOUT.value: 503,
    FailureCode.CIRCUIT_OPEN.value: 503,
}

# What is left of a late body must not be read as the next request.
_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {"Retry-After": "1"},
    408: {"Connection": "close"},
}

_STORE_STATUS: dict[type[StoreError], int] = {
    RecordNotFoundError: 404,
    RecordConflictError: 409,
    StoreFullError: 507,
}

# What is over by itself when the database works again.
_PASSING = (StoreFullError, StoreLockedError, StoreUnwritableError)

_HTTP_CODES = {404: "route_not_found", 405: "method_not_allowed", 413: "body_too_large"}


class Problem(Reply, frozen=True, kw_only=True):
    """Every error, as application/problem+json.

    `store` and `troubles` come with a service that is not well, `approval` with one that was
    decided otherwise, `run` with one that never reached a model.
    """

    store: StoreHealth | UnsetType = UNSET
    troubles: list[Trouble] | UnsetType = UNSET
    approval: ApprovalRecord | UnsetType = UNSET
    run: RunReply | UnsetType = UNSET
    type: str = "about:blank"
    title: str
    status: int
    code: str
    error: str
    hint: str | UnsetType = UNSET


def problem(
    status: int,
    code: str,
    message: str,
    *,
    hint: str | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """One problem document; without a `hint`, with that of its code.

    `more` are further fields of `Problem`.
    """
    body = Problem(
        **more,
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        error=message,
        hint=hint or HINTS.get(code) or UNSET,
    )
    return Response(
        wire.encode(body), status, media_type="application/problem+json", headers=headers
    )


def _headers(error: AgentRunnerError) -> dict[str, str] | None:
    if isinstance(error, UnavailableError) and error.retry_after_s is not None:
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    return _HEADERS.get(error.status)


def problem_of(error: AgentRunnerError) -> Response:
    """The problem document of an error that was raised on purpose."""
    headers = _headers(error)
    more = {"approval": error.approval} if isinstance(error, DecidedError) else {}
    return problem(
        error.status, error.code, error.message, hint=error.hint, headers=headers, **more
    )


async def on_error(request: Request, error: Exception) -> Response:
    """The answer to an exception from a handler, without a secret that it may hold."""
    secrets = context(request).runner.launcher.secrets
    if isinstance(error, (AgentRunnerError, StoreError)):
        error.message = secrets.masked(error.message)
    if isinstance(error, AgentRunnerError) and error.hint is not None:
        error.hint = secrets.masked(error.hint)
    if isinstance(error, AgentRunnerError):
        return problem_of(error)
    if isinstance(error, StoreError):
        status = next((s for kind, s in _STORE_STATUS.items() if isinstance(error, kind)), 503)
        headers = {"Retry-After": "1"} if isinstance(error, _PASSING) else None
        return problem(status, error.code, error.message, headers=headers)
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        return problem(422, "invalid_body", f"{place}: {first['msg']}")
    if isinstance(error, HTTPException):
        code = _HTTP_CODES.get(error.status_code, "http_error")
        return problem(error.status_code, code, error.detail, headers=dict(error.headers or {}))
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # to nobody
    log.error("request_failed_inside", exc_info=error)
    return problem(500, FailureCode.INTERNAL, "the service failed; its log has the details")
