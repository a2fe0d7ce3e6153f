"""A circuit: a breaker's state under its name, and which circuits hear of a run's end. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from fallback.breaker import BreakerState, CircuitSignal
from fallback.guard import Evidence

CircuitScope = Literal["agent", "type"]


class Circuit(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The state of one breaker; while it is open no run is tried for `retry_in_ms`."""

    scope: CircuitScope
    name: str
    state: BreakerState
    failures: int
    openings: int
    code: str | None
    retry_in_ms: int | None

    @property
    def trouble(self) -> str:
        """What was seen of it, for people."""
        what = f"agent {self.name}" if self.scope == "agent" else f"the CLI type {self.name}"
        return f"{what} failed {self.failures} times ({self.code})"

    @property
    def evidence(self) -> Evidence:
        """What its opening says to the guard of the same scope."""
        return Evidence(
            kind="circuit_open",
            text=f"its circuit opened after {self.failures} failures in a row ({self.code})",
            figures={"failures": self.failures, "code": self.code},
        )


def signal_to(scope: CircuitScope, signal: CircuitSignal, *, agent_ails: bool) -> CircuitSignal:
    """What the circuit of this scope hears of a run's end.

    `agent_ails` tells that the circuit of the run's agent is not closed.
    """
    if scope == "type" and signal is CircuitSignal.AUTH:
        # An agent may have a key of its own: one that fails says little of the others.
        signal = CircuitSignal.FAILURE
    if scope == "type" and agent_ails and signal is CircuitSignal.FAILURE:
        # One agent that never works must not open the circuit of all.
        return CircuitSignal.NEUTRAL
    return signal
