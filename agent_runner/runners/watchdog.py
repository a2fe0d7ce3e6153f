"""Which deadline of a turn comes next, and what its passing means."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from agent_runner.errors import FailureCode
from agent_runner.events import TimeoutExpired
from agent_runner.settings import Timeouts

Name = Literal["start", "no_output", "heartbeat", "command"]

_CODES: dict[Name, FailureCode] = {
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
    def waits_for_answer(self) -> bool:
        """True while it has asked a question that nobody has answered."""
        ...


class Deadline(msgspec.Struct, frozen=True):
    """One that is running: its name, its length and when it passes."""

    name: Name
    limit_ms: int
    due: float

    @property
    def code(self) -> FailureCode:
        """How a run that it ends has failed."""
        return _CODES[self.name]

    def event(self, action: Literal["cancel", "warn"]) -> TimeoutExpired:
        """What the stream is told of its passing."""
        return TimeoutExpired(
            code=self.code, timeout=self.name, limit_ms=self.limit_ms, action=action
        )


class Watchdog:
    """The deadlines of one turn that began at `begun`; `cold` is a new process's first turn."""

    def __init__(self, signs: Signs, timeouts: Timeouts, begun: float, *, cold: bool) -> None:
        self._signs = signs
        self._timeouts = timeouts
        self._begun = begun
        self._cold = cold
        self._forgiven = begun

    def next(self, now: float) -> Deadline:
        """The deadline that passes first if nothing more comes.

        A run that waits for an answer is not silent: only its whole time runs on.
        """
        limits = self._timeouts
        deadlines = [self._deadline("command", limits.command_ms, self._begun)]
        output, heartbeat = self._signs.last_output, self._signs.last_heartbeat
        if self._signs.waits_for_answer:
            self._forgiven = now
        elif self._cold and output is None:
            deadlines.append(self._deadline("start", limits.start_ms, self._begun))
        else:
            life = max(self._forgiven, output or 0.0, heartbeat or 0.0)
            deadlines.append(self._deadline("no_output", limits.no_output_ms, life))
            if heartbeat is not None:
                life = max(self._forgiven, heartbeat)
                deadlines.append(self._deadline("heartbeat", limits.heartbeat_grace_ms, life))
        return min(deadlines, key=lambda deadline: deadline.due)

    def wait(self, deadline: Deadline, now: float) -> float:
        """Seconds to sleep before `next` must be asked again: a sign of life starts others."""
        limits = self._timeouts
        soonest = min(limits.no_output_ms, limits.heartbeat_grace_ms) / 1000
        return min(deadline.due - now, soonest)

    def forgive(self, now: float) -> None:
        """Let the silence begin anew."""
        self._forgiven = now

    def _deadline(self, name: Name, limit_ms: int, since: float) -> Deadline:
        return Deadline(name, limit_ms, since + limit_ms / 1000)
