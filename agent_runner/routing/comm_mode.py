"""A mode as somebody wrote it."""

from __future__ import annotations

from agent_runner.errors import BadRequestError
from fallback.plan import CommMode


def check_comm_mode(value: str) -> CommMode:
    """`value` as a mode; BadRequestError `invalid_comm_mode` otherwise."""
    try:
        return CommMode(value)
    except ValueError:
        raise BadRequestError(
            "invalid_comm_mode",
            f"commMode {value[:80]!r} is unknown",
            hint=f"known: {', '.join(CommMode)}",
        ) from None
