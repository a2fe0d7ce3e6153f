"""Notices and signs of life."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from agent_runner.events.base import AgentEvent


class Notice(AgentEvent, frozen=True, kw_only=True, tag="notice"):
    """Something the CLI or the runner says that changes no outcome; `code` is stable."""

    code: str
    message: str = ""
    level: Literal["debug", "info", "warning", "error"] = "info"
    data: dict[str, Any] | None = None


class Activity(AgentEvent, frozen=True, kw_only=True, tag="activity"):
    """A sign of life with nothing to keep: thinking so far, a model call, a task's progress."""

    ephemeral: ClassVar[bool] = True
    code: str
    message: str = ""
    data: dict[str, Any] | None = None
