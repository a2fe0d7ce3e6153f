"""Prompts that go into a running turn: which are to be taken in yet, and whose end the run has.

A CLI takes such a prompt in between two steps of its turn. A turn that comes to its end first
leaves it for a turn of its own. Both turns are one run's, so the end of the first is held back.
"""

from __future__ import annotations

import msgspec

from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Notice
from agent_runner.events.session import PromptTaken
from agent_runner.events.usage import Usage


class Steering:
    """Prompts by the name that the CLI calls them by, and the ends of the turns before theirs."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()
        self._ended: list[TurnCompleted] = []

    @property
    def waits(self) -> bool:
        """True while a prompt is to be taken in, by this turn or by one of its own."""
        return bool(self._waiting)

    def add(self, name: str) -> None:
        """One more is to be taken in."""
        self._waiting.add(name)

    def taken(self, name: str) -> list[AgentEvent]:
        """The CLI has taken it in; nothing if it is none of these."""
        if name not in self._waiting:
            return []
        self._waiting.discard(name)
        return [PromptTaken(taken=True)]

    def dropped(self, name: str, state: str) -> list[AgentEvent]:
        """The CLI says that it will not be taken in; nothing if it is none of these."""
        if name not in self._waiting:
            return []
        self._waiting.discard(name)
        return [PromptTaken(taken=False, reason=state[:200])]

    def drop(self) -> None:
        """Nothing is taken in any more."""
        self._waiting.clear()

    def ended(self, turn: TurnCompleted) -> AgentEvent:
        """The end of a prompt's turn: of the run, if nothing is to be taken in any more."""
        if self.waits:
            self._ended.append(turn)
            text = "the turn is over, and the prompt given into it begins the next"
            return Notice(code="steer_goes_on", level="debug", message=text)
        turns, self._ended = [*self._ended, turn], []
        return turn if len(turns) == 1 else _whole(turns)


def _whole(turns: list[TurnCompleted]) -> TurnCompleted:
    """The end of all together: the last one's, with what all have used and cost."""
    costs = [turn.cost_usd for turn in turns if turn.cost_usd is not None]
    lasted = [turn.duration_ms for turn in turns if turn.duration_ms is not None]
    return msgspec.structs.replace(
        turns[-1],
        text=next((turn.text for turn in reversed(turns) if turn.text), turns[-1].text),
        usage=_sum([turn.usage for turn in turns if turn.usage is not None]),
        cost_usd=round(sum(costs), 10) if costs else None,
        duration_ms=sum(lasted) if lasted else None,
    )


def _sum(parts: list[Usage]) -> Usage | None:
    if not parts:
        return None
    totals: dict[str, int | None] = {}
    for name in Usage.__struct_fields__:
        known = [value for part in parts if (value := getattr(part, name)) is not None]
        totals[name] = sum(known) if known else None
    return Usage(**totals)
