"""What ended a CLI that only the machine knows of: a limit, the kernel, a full pipe."""

from __future__ import annotations

from typing import Any

import msgspec

from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.run import LimitReached
from agent_runner.latch import Latch
from agent_runner.process.child import Child
from conversation_store.codes import FailureCode

_CODES = {
    "memory": FailureCode.MEMORY_LIMIT,
    "cpu": FailureCode.CPU_LIMIT,
    "processes": FailureCode.PROCESS_LIMIT,
    "output": FailureCode.OUTPUT_LIMIT,
}


class Limits:
    """Takes what the keeper of `child` says of its tree, and explains how the tree ended.

    `noticed` is set when there is something to tell.
    """

    def __init__(self, child: Child) -> None:
        self.noticed = Latch()
        self._not_reading = False
        self._child = child
        self._over: LimitReached | None = None
        self._untold: list[AgentEvent] = []
        child.on_notice = self._on_notice

    @property
    def over(self) -> bool:
        """True once a limit was passed that ends the tree."""
        return self._over is not None

    def untold(self) -> list[AgentEvent]:
        """The notices that nobody has taken."""
        untold, self._untold = self._untold, []
        self.noticed = Latch()
        return untold

    def found_not_reading(self) -> None:
        """The CLI takes no input any more."""
        self._not_reading = True

    def output(self, used: int, of: int) -> LimitReached:
        """The CLI has printed too much."""
        self._over = LimitReached(limit="output", used=used, of=of, level="error")
        return self._over

    def explained(self, event: AgentEvent) -> AgentEvent:
        """A turn that ended without a result, with the reason that only the machine knows."""
        if not isinstance(event, TurnCompleted) or event.ok:
            return event
        if (over := self._over) is not None:
            error = (
                f"the CLI and what it started were over their {over.limit} limit: "
                f"{over.used} of {over.of}"
            )
            return msgspec.structs.replace(event, code=_CODES[over.limit], error=error)
        if self._child.oom_killed:
            error = "the machine ran out of memory and the kernel killed the CLI"
            return msgspec.structs.replace(event, code=FailureCode.OOM_KILLED, error=error)
        if self._not_reading:
            error = "the CLI did not read its input and was ended"
            return msgspec.structs.replace(event, code=FailureCode.NOT_READING, error=error)
        return event

    def _on_notice(self, message: dict[str, Any]) -> None:
        """The keeper says that the tree is near a limit or was ended for being over it."""
        over = "limit" in message
        event = LimitReached(
            limit=message["limit" if over else "warning"],
            used=message["used"],
            of=message["of"],
            level="error" if over else "warning",
        )
        if over and self._over is None:
            self._over = event
        self._untold.append(event)
        self.noticed.set()
