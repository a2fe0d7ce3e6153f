"""The turns of a Codex process: which one is on, and which commands outlive theirs.

A command that its model does not wait for goes on when the turn is over. It is told by the turn
that began it.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent_runner.agents.codex.tools import COMMAND
from agent_runner.events.background import BackgroundTask
from agent_runner.events.tool import ToolStarted

MOST_TURNS = 1000
"""Of so many turns the number is known; a command of an older one counts as the last one's."""


class Turns:
    """Turns by the CLI's ids, counted from 1; calls by the number of their turn."""

    def __init__(self) -> None:
        self.on: str | None = None
        self.solicited = False
        self._count = 0
        self._numbers: dict[str, int] = {}
        self._calls: dict[str, int] = {}

    def begin(self, turn_id: str, *, solicited: bool) -> bool:
        """A turn is on; False if it has been already."""
        if turn_id == self.on or turn_id in self._numbers:
            return False
        self.on, self.solicited = turn_id, solicited
        self._count += 1
        self._numbers[turn_id] = self._count
        if len(self._numbers) > MOST_TURNS:
            del self._numbers[next(iter(self._numbers))]
        return True

    def end(self) -> None:
        """No turn is on."""
        self.on = None

    def began(self, call_id: str, turn_id: str | None) -> None:
        """A call is of this turn."""
        self._calls[call_id] = self._numbers.get(turn_id or "", self._count)

    def ended(self, call_id: str) -> None:
        """A call is over."""
        self._calls.pop(call_id, None)

    def behind(self, turn_id: str | None) -> int | None:
        """The number of a turn that is over, whose work is told of; None of the present one."""
        if turn_id is None or turn_id == self.on:
            return None
        return self._numbers.get(turn_id)

    def outliving(self, tools: Mapping[str, ToolStarted]) -> dict[str, int]:
        """The open commands of turns that are over, with the number of each."""
        now = self._count if self.on is not None else 0
        return {
            call_id: number
            for call_id, started in tools.items()
            if started.name == COMMAND and (number := self._calls.get(call_id, now)) != now
        }


def task_of(started: ToolStarted) -> BackgroundTask:
    """A command that goes on behind its turn."""
    return BackgroundTask(
        tool_call_id=started.tool_call_id,
        title=str(started.input.get("command", ""))[:200],
        kind="command",
    )
