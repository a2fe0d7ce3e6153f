"""The account's limits, as Claude Code tells of them whenever one changes its state.

Each line is of one window (five hours, a week, a week of one model): the newest of each counts.
"""

from __future__ import annotations

import math
from typing import Any

from agent_runner.agents.claude.schema import RateLimitInfo
from agent_runner.events.usage import RateLimit

_REJECTED = "rejected"
_MOST_WINDOWS = 20


class Limits:
    """The windows that are used up now, and when the last of them opens again."""

    def __init__(self) -> None:
        self._until: dict[str, float | None] = {}

    def note(self, info: RateLimitInfo) -> RateLimit:
        """Take up what a line says, and give its event."""
        event = RateLimit(
            status=info.status,
            limit_type=info.rateLimitType,
            resets_at=info.resetsAt,
            utilization=info.utilization,
            using_overage=info.isUsingOverage is True or None,
            overage_status=_text(info.overageStatus),
            overage_resets_at=_number(info.overageResetsAt),
            overage_disabled_reason=_text(info.overageDisabledReason),
        )
        window = info.rateLimitType or ""
        self._until.pop(window, None)
        if (
            info.status == _REJECTED
            and not event.using_overage
            and len(self._until) < _MOST_WINDOWS
        ):
            self._until[window] = _first_of(event)
        return event

    @property
    def resets_at(self) -> float | None:
        """Unix seconds; None if nothing is used up, or the time of one window is not known."""
        times = list(self._until.values())
        known = [moment for moment in times if moment is not None]
        return max(known) if known and len(known) == len(times) else None


def _first_of(event: RateLimit) -> float | None:
    """Either the window or what may be used beyond it has to open again, not both."""
    times = [event.resets_at]
    if event.overage_status == _REJECTED:
        times.append(event.overage_resets_at)
    return min((moment for moment in times if moment is not None), default=None)


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable and abs(value) < 2**53 and math.isfinite(value) else None
