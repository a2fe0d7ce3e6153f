"""The log of fallback: toggles as they are set and taken away, and the runs that are tried."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from agent_runner.events.base import AgentEvent, Stream


class _Change(AgentEvent, frozen=True, kw_only=True):
    """`toggle` is the whole record; `by`, `via` and `reason` tell who changed it, how and why."""

    stream: ClassVar[Stream] = "fallback"
    scope: Literal["agent", "type", "global"]
    name: str
    toggle: dict[str, Any]
    by: str
    via: str
    reason: str


class ToggleSet(_Change, frozen=True, kw_only=True, tag="toggle.set"):
    """A toggle stands in the place of the one before."""


class ToggleCleared(_Change, frozen=True, kw_only=True, tag="toggle.cleared"):
    """A toggle was taken away."""


class ToggleExpired(_Change, frozen=True, kw_only=True, tag="toggle.expired"):
    """A toggle's time was over."""


class CanaryStarted(AgentEvent, frozen=True, kw_only=True, tag="canary.started"):
    """Run `run_id` is tried headless against the automatic toggle of this scope and name."""

    stream: ClassVar[Stream] = "fallback"
    scope: Literal["agent", "type", "global"]
    name: str
    run_id: str


class CanaryFinished(AgentEvent, frozen=True, kw_only=True, tag="canary.finished"):
    """The run that was tried is over; `outcome` is null if it has shown nothing of the CLI."""

    stream: ClassVar[Stream] = "fallback"
    scope: Literal["agent", "type", "global"]
    name: str
    run_id: str
    outcome: Literal["success", "failure", "hang", "drift"] | None
