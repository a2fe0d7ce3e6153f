"""Prompts that go into Claude Code's running turn.

The CLI takes one in with the next result of a tool. It tells of each step by the line
`command_lifecycle`, where the prompt has a `uuid` (recorded: 2.1.332); 2.1.197 takes it in as
well, and tells of nothing.
"""

from __future__ import annotations

from typing import Any

from agent_runner.agents.claude import schema as c
from agent_runner.agents.steering import Steering
from agent_runner.events.base import AgentEvent
from agent_runner.events.notice import Activity

_TOLD = {"msg_lifecycle_v1", "interrupt_cancel_queued_v1"}
"""The capabilities without which it is not known what became of such a prompt."""


class ClaudeSteering(Steering):
    """Prompts that are `sent`, and then called by the uuid that the CLI queues them under."""

    def __init__(self) -> None:
        super().__init__()
        self.offered = False
        self._sent = 0

    def offer(self, capabilities: Any) -> None:
        """The CLI says what it is capable of."""
        listed = capabilities if isinstance(capabilities, list) else []
        self.offered = self.offered or set(map(str, listed)) >= _TOLD

    @property
    def waits(self) -> bool:
        """See `Steering`."""
        return self._sent > 0 or super().waits

    def send(self) -> None:
        """One more is on its way."""
        self._sent += 1

    def drop(self) -> None:
        """See `Steering`."""
        self._sent = 0
        super().drop()

    def read(self, line: c.CommandLifecycle) -> list[AgentEvent]:
        """A step in the life of one."""
        name, state = line.command_uuid, line.state
        if state == "queued" and self._sent:
            self._sent -= 1
            self.add(name)
        told: list[AgentEvent] = []
        if state in ("started", "completed"):
            told = self.taken(name)
        elif state != "queued":
            told = self.dropped(name, state)
        return told or [Activity(code="command_lifecycle", data={"state": state})]
