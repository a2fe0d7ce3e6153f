"""The wish to end a run before its agent is done."""

from __future__ import annotations

from enum import StrEnum

from agent_runner.latch import Latch
from conversation_store.codes import FailureCode


class StopReason(StrEnum):
    """Why a run is ended before its agent is done."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    START_TIMEOUT = "start_timeout"
    STALLED = "stalled"
    SHUTDOWN = "shutdown"


_OF_THE_CLI = (StopReason.START_TIMEOUT, StopReason.STALLED)


class StopSignal:
    """Set once; the first reason counts. See `runners.cli_runner.Stop`."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self.asked = Latch()
        self._wake = Latch()
        self._again = False

    def request(self, reason: StopReason) -> None:
        """Ask the run to end."""
        if self.reason is None:
            self.reason = reason
            self.asked.set()
            self._wake.set()
        else:
            self._again = True

    def expire(self, code: FailureCode) -> None:
        """Ask the run to end for a deadline that passed."""
        self.request(StopReason(code))

    def new_wake(self) -> Latch:
        """A latch that is set with the wish, if that comes before the next call of this."""
        self._wake = Latch()
        return self._wake

    def withdraw(self) -> bool:
        """Forget a wish that was for the CLI's silence; False if the run is to end."""
        if self._again or self.reason not in (None, *_OF_THE_CLI):
            return False
        self.reason = None
        self.asked = Latch()
        return True

    @property
    def suspends(self) -> bool:
        """True if a turn that waits for an answer is to be left for another process."""
        return self.reason is StopReason.SHUTDOWN
