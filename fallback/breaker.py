"""A circuit breaker as a value: what it has seen, and whether a run may be tried now.

Pure: no clock, no I/O. `now` is any clock that only goes forward, in seconds.

closed      every run may be tried; failures in a row are counted, and enough of them open it
open        no run may be tried until its time; each opening in a row waits twice as long
half_open   one run is being tried; its outcome closes or opens the breaker

Failures to log in wait 1, 2 and 4 s and then the usual time, from the first one on: who has
just logged in is not kept out for long, and nothing is tried over and over.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

AUTH_COOLDOWNS_S = (1.0, 2.0, 4.0)


class BreakerState(StrEnum):
    """See the module."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitSignal(StrEnum):
    """What a run's outcome says of the CLI: nothing, if the user or the model ended it."""

    SUCCESS = "success"
    FAILURE = "failure"
    AUTH = "auth"
    NEUTRAL = "neutral"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Failures in a row that open, and how long the first and the longest opening last."""

    failures: int
    cooldown_s: float
    longest_cooldown_s: float


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is that of the last failure; `retry_at` is set while open."""

    policy: Policy
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    openings: int = 0
    code: str | None = None
    retry_at: float | None = None

    def retry_in(self, now: float) -> float:
        """Seconds until a run may be tried; 0 if it may now, infinity while one is tried."""
        if self.state is BreakerState.HALF_OPEN:
            return float("inf")
        return max(0.0, self.retry_at - now) if self.retry_at is not None else 0.0

    def admit(self, now: float) -> Breaker | None:
        """The breaker once a run is let through; None if none may be.

        If it is half open then, the run is its one trial.
        """
        if self.state is BreakerState.CLOSED:
            return self
        if self.retry_in(now) > 0:
            return None
        return msgspec.structs.replace(self, state=BreakerState.HALF_OPEN, retry_at=None)

    def record(
        self, verdict: CircuitSignal, code: str | None, now: float, *, trial: bool
    ) -> Breaker:
        """The breaker after the outcome of a run that was let through, as its `trial` or not.

        A run from before an opening adds nothing to what is known.
        """
        if self.state is BreakerState.OPEN or (self.state is BreakerState.HALF_OPEN and not trial):
            return self
        if verdict is CircuitSignal.SUCCESS:
            return Breaker(policy=self.policy)
        if verdict is CircuitSignal.NEUTRAL:
            if self.state is BreakerState.CLOSED:
                return self
            # The trial proved nothing: the next run is one.
            return msgspec.structs.replace(self, state=BreakerState.OPEN, retry_at=now)
        failures = self.failures + 1
        opens = self.state is BreakerState.HALF_OPEN or failures >= self.policy.failures
        if not opens and verdict is not CircuitSignal.AUTH:
            return msgspec.structs.replace(self, failures=failures, code=code)
        return msgspec.structs.replace(
            self,
            state=BreakerState.OPEN,
            failures=failures,
            openings=self.openings + 1,
            code=code,
            retry_at=now + self._cooldown(verdict),
        )

    def _cooldown(self, verdict: CircuitSignal) -> float:
        if verdict is CircuitSignal.AUTH and self.openings < len(AUTH_COOLDOWNS_S):
            return AUTH_COOLDOWNS_S[self.openings]
        # Bounded before it is raised to a power that no number holds.
        doubled = self.policy.cooldown_s * 2.0 ** min(self.openings, 32)
        return min(doubled, self.policy.longest_cooldown_s)
