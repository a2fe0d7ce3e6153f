"""Claude Code's permission mode: which one holds, and what an answer makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent_runner.events.base import AgentEvent
from agent_runner.events.session import PermissionModeChanged
from agent_runner.events.tool import ToolCompleted

PLAN_TOOL = "ExitPlanMode"
MODES_BY_MESSAGE = frozenset(("default", "acceptEdits", "plan"))
"""What a running process may be set to; it takes any word for an answer, and then keeps it."""


class PermissionMode:
    """The mode as the CLI tells it, at each turn's beginning and where it changes.

    A plan that is agreed to changes it; a CLI that does not say so is believed to have done it.
    """

    def __init__(self) -> None:
        self._now: str | None = None
        self._agreed: str | None = None

    def agree(self, permissions: Iterable[dict[str, Any]]) -> None:
        """A plan is agreed to, with these permissions."""
        modes = [update.get("mode") for update in permissions if update.get("type") == "setMode"]
        set_so = modes[-1] if modes and isinstance(modes[-1], str) else None
        self._agreed = set_so or (self._now if self._now not in (None, "plan") else "default")

    def told(self, mode: str | None) -> list[AgentEvent]:
        """The CLI says which mode holds."""
        if mode is None:
            return []
        before, self._now, self._agreed = self._now, mode, None
        return [] if before in (None, mode) else [PermissionModeChanged(mode=mode, before=before)]

    def after(self, events: list[AgentEvent]) -> list[AgentEvent]:
        """`events`, and the mode after a plan among them that is done, if nobody has told it."""
        agreed = self._agreed
        if agreed is None or not any(_is_plan_done(event) for event in events):
            return events
        before, self._now, self._agreed = self._now, agreed, None
        return [*events, PermissionModeChanged(mode=agreed, before=before)]


def for_session(suggestions: Any) -> list[dict[str, Any]]:
    """The CLI's own suggestions of what to allow further, for its session and no longer.

    Rules for just this tool and input where it has them, else what it would offer a human.
    """
    listed = suggestions if isinstance(suggestions, list) else []
    offered: list[dict[str, Any]] = [s for s in listed if isinstance(s, dict)]
    rules = [s for s in offered if s.get("type") == "addRules"]
    chosen = rules or [s for s in offered if s.get("destination") == "session"]
    return [{**s, "destination": "session"} for s in chosen]


def _is_plan_done(event: AgentEvent) -> bool:
    if not isinstance(event, ToolCompleted) or event.status != "completed":
        return False
    return event.name == PLAN_TOOL
