"""The event of a decision."""

from __future__ import annotations

from agent_runner.events.run import RouteDecided
from fallback.plan import Plan


def route_decided(plan: Plan, after_code: str | None = None) -> RouteDecided:
    """How the run is driven from now on; `after_code` is why the way before led nowhere."""
    return RouteDecided(
        mode=plan.mode.value,
        source=plan.source.value,
        reason=plan.reason,
        mirror=None if plan.mirror is None else plan.mirror.value,
        after_code=after_code,
    )
