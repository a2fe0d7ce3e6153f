"""Prompts into a running turn: named by us, told by the CLI as a message with that name."""

from __future__ import annotations

from agent_runner.agents.steering import Steering
from agent_runner.events.base import AgentEvent


class Steers:
    """Those that are to be taken in yet. The turn does not end before it has taken them in."""

    def __init__(self) -> None:
        self._steering = Steering()
        self._count = 0
        self._names: dict[str, str] = {}

    def name(self) -> str:
        """A name for one more."""
        self._count += 1
        return f"steer-{self._count}"

    def sent(self, request_id: str, name: str) -> None:
        """It was sent by this request."""
        self._names[request_id] = name
        self._steering.add(name)

    def taken(self, name: str | None) -> list[AgentEvent]:
        """The CLI has taken it in; nothing if it is none of these."""
        return self._steering.taken(name or "")

    def refused(self, request_id: str, why: str) -> list[AgentEvent]:
        """The CLI has refused it; nothing if it is none of these."""
        return self._steering.dropped(self._names.pop(request_id, ""), why)

    def left(self) -> list[AgentEvent]:
        """The turn is over: what is left will not be taken in."""
        names, self._names = self._names, {}
        events: list[AgentEvent] = []
        for name in names.values():
            events += self._steering.dropped(name, "the turn ended before")
        return events

    def drop(self) -> None:
        """Nothing is taken in any more."""
        self._names.clear()
        self._steering.drop()
