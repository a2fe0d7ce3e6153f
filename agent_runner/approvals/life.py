"""How long an approval waits, and when that is warned of. Times are RFC 3339 UTC text."""

from __future__ import annotations

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


def extended(
    settings: ApprovalSettings, approval: ApprovalRecord, by_ms: int | None
) -> tuple[str, str]:
    """When it expires and is warned of if it waits `by_ms` longer, else as long again as at first.

    BadRequestError `extension_too_long` if that is too far ahead.
    """
    first = wire.seconds_between(approval.created_at, approval.expires_at)
    by = first / (approval.extensions + 1) if by_ms is None else by_ms / 1000
    try:
        expires_at = wire.later(approval.expires_at, by)
    except OverflowError:
        expires_at = ""
    if not expires_at or -wire.seconds_since(expires_at) > settings.longest_ms / 1000:
        raise BadRequestError(
            "extension_too_long",
            f"an approval may wait for {settings.longest_ms} ms from now at most",
        )
    return expires_at, wire.later(expires_at, -warning(by))


def warning(life: float) -> float:
    """How long before its end it is warned of: a tenth, at least 5 minutes, half at most."""
    return min(max(life * _WARN_SHARE, _WARN_AT_LEAST_S), life / 2)
