"""Which deadline of a turn comes next, and what its passing means."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from agent_runner.events.run import TimeoutExpired
from agent_runner.runners.questions import Questions
from agent_runner.settings import Timeouts
from conversation_store.codes import FailureCode

TimeoutName = Literal["start", "no_output", "heartbeat", "command"]
Name = TimeoutName | Literal["hold"]

_CODES: dict[TimeoutName, FailureCode] = {
    "start": FailureCode.START_TIMEOUT,
    "no_output": FailureCode.STALLED,
    "heartbeat": FailureCode.STALLED,
    "command": FailureCode.TIMED_OUT,
}


class Signs(Protocol):
    """The signs of life of the process that serves the turn, by the monotonic clock."""

    @property
    def last_output(self) -> float | None:
        """When it last printed in this turn; None if it has not."""
        ...

    @property
    def last_heartbeat(self) -> float | None:
        """When a heartbeat last came in this turn; None if none has."""
        ...

    @property
    def questions(self) -> Questions:
        """What it has asked and nobody has answered."""
        ...


class Deadline(msgspec.Struct, frozen=True):
    """One that is running: its name, its length and when it passes.

    `hold` ends no run: its process is ended, and the answer resumes the session.
    """

    name: Name
    limit_ms: int
    due: float

    @property
    def code(self) -> FailureCode:
        """How a run that it ends has failed."""
        assert self.name != "hold"
        return _CODES[self.name]

    def event(self, action: Literal["cancel", "warn"]) -> TimeoutExpired:
        """What the stream is told of its passing."""
        assert self.name != "hold"
        return TimeoutExpired(
            code=self.code, timeout=self.name, limit_ms=self.limit_ms, action=action
        )


class Watchdog:
    """The deadlines of one turn that began at `begun`; `cold` is a new process's first turn.

    The time in which the turn waits for an answer counts for none of them but `hold_ms`.
    """

    def __init__(
        self, signs: Signs, timeouts: Timeouts, begun: float, *, hold_ms: int, cold: bool
    ) -> None:
        self._signs = signs
        self._timeouts = timeouts
        self._hold_ms = hold_ms
        self._begun = begun
        self._cold = cold
        self._forgiven = begun

    def next(self) -> Deadline:
        """The deadline that passes first if nothing more comes."""
        limits, questions = self._timeouts, self._signs.questions
        if questions.since is not None:
            return self._deadline("hold", self._hold_ms, questions.since)
        deadlines = [self._deadline("command", limits.command_ms, self._begun + questions.waited)]
        output, heartbeat = self._signs.last_output, self._signs.last_heartbeat
        if self._cold and output is None:
            deadlines.append(self._deadline("start", limits.start_ms, self._begun))
        else:
            forgiven = max(self._forgiven, questions.answered_at)
            life = max(forgiven, output or 0.0, heartbeat or 0.0)
            deadlines.append(self._deadline("no_output", limits.no_output_ms, life))
            if heartbeat is not None:
                life = max(forgiven, heartbeat)
                deadlines.append(self._deadline("heartbeat", limits.heartbeat_grace_ms, life))
        return min(deadlines, key=lambda deadline: deadline.due)

    def wait(self, deadline: Deadline, now: float) -> float:
        """Seconds to sleep before `next` must be asked again: a sign of life starts others."""
        limits = self._timeouts
        soonest = min(limits.no_output_ms, limits.heartbeat_grace_ms, self._hold_ms) / 1000
        return min(deadline.due - now, soonest)

    def forgive(self, now: float) -> None:
        """Let the silence begin anew."""
        self._forgiven = now

    def _deadline(self, name: Name, limit_ms: int, since: float) -> Deadline:
        return Deadline(name, limit_ms, since + limit_ms / 1000)
