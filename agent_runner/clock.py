"""The time by which something waits: it passes, and is not set.

It begins as the wall clock's and goes on by the monotonic one. Setting the wall clock, or a sleep
of the machine, ends no waiting; `set_by` says how far the two are apart then, and `follow` takes
that over once what waits has been moved along. After a start the wall clock counts anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from agent_runner import wire

TOLERANCE_S = 2.0
"""Less than that apart is a correction, and not followed."""

Seconds = Callable[[], float]


def _elapsed() -> float:
    """Goes on while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Each of its sources gives seconds; `wall` since the epoch."""

    def __init__(
        self,
        wall: Seconds = lambda: time.time(),
        steady: Seconds = lambda: time.monotonic(),
        elapsed: Seconds = _elapsed,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._elapsed = elapsed
        self._ahead = wall() - steady()
        self._since_start = wall() - elapsed()

    def now(self) -> str:
        """The present moment, for whatever begins to wait and whatever is over."""
        return _text(self._steady() + self._ahead)

    def set_by(self) -> float:
        """Seconds by which the wall clock was set on (or back) and nobody has followed yet."""
        apart = self._wall() - self._steady() - self._ahead
        return apart if abs(apart) >= TOLERANCE_S else 0.0

    def follow(self, seconds: float) -> None:
        """Move the present moment by that much."""
        self._ahead += seconds

    def for_ages(self) -> str:
        """The moment that ages are taken from: a wall clock that is set on makes nothing old."""
        return _text(min(self._wall(), self._elapsed() + self._since_start))


def _text(seconds: float) -> str:
    return wire.utc_text(datetime.fromtimestamp(seconds, UTC))
