"""How long an approval waits, and when that is warned of. Times are RFC 3339 UTC text."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from agent_runner import wire
from agent_runner.agents.base import AgentOptions
from agent_runner.errors import BadRequestError
from agent_runner.settings import ApprovalSettings
from conversation_store.records import ApprovalRecord

_WARN_SHARE = 0.1
_WARN_AT_LEAST_S = 300.0


def life_of(settings: ApprovalSettings, options: AgentOptions) -> float:
    """Seconds that an approval of the agent may wait.

    BadRequestError `approval_too_long` if the agent asks for more than is allowed.
    """
    asked = options.approval_expires_ms or settings.expires_ms
    if not 1 <= asked <= settings.longest_ms:
        raise BadRequestError(
            "approval_too_long",
            f"approvalExpiresMs is {asked}, at most {settings.longest_ms} is allowed",
        )
    return asked / 1000


class Extension(msgspec.Struct, frozen=True):
    """How much longer an approval waits, and when it then expires and is warned of."""

    by_ms: int
    expires_at: str
    warn_at: str


def extension(
    settings: ApprovalSettings, approval: ApprovalRecord, by_ms: int | None, *, now: str
) -> Extension:
    """That by `by_ms`, else by as long as it was to wait at first.

    BadRequestError `extension_too_long` if that is too far ahead.
    """
    if by_ms is None:
        life = wire.seconds_between(approval.created_at, approval.expires_at)
        by_ms = round(life * 1000) - approval.extended_ms
    left, expires_at = 0.0, ""
    with suppress(OverflowError):
        expires_at = wire.later(approval.expires_at, by_ms / 1000)
        left = wire.seconds_between(now, expires_at)
    if not expires_at or left > settings.longest_ms / 1000:
        raise BadRequestError(
            "extension_too_long",
            f"an approval may wait for {settings.longest_ms} ms from now at most",
        )
    return Extension(by_ms, expires_at, wire.later(expires_at, -warning(max(left, 0.0))))


def warning(life: float) -> float:
    """How long before its end it is warned of: a tenth, at least 5 minutes, half at most."""
    return min(max(life * _WARN_SHARE, _WARN_AT_LEAST_S), life / 2)
