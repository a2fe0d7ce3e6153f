"""Work that outlives the turn that began it."""

from __future__ import annotations

import msgspec

from agent_runner.events.base import AgentEvent


class BackgroundTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Work that goes on after the turn that began it: a helper, a command.

    `tool_call_id` is the call that began it; `kind` is the CLI's own word.
    """

    task_id: str | None = None
    tool_call_id: str | None = None
    title: str = ""
    kind: str | None = None


class BackgroundLost(AgentEvent, frozen=True, kw_only=True, tag="background.lost"):
    """The process ended with work left to do in the background: `tasks` are lost.

    `reason` says why it ended: idle_closed, lifetime_closed, evicted, low_memory, shutdown,
    exit (by itself or killed), crash (the service was), ...
    """

    tasks: list[BackgroundTask]
    reason: str
