"""What a failure says of the CLI: the classes of failure codes.

Pure. A run's end is a signal to the circuits, and an observation of the guards.
"""

from __future__ import annotations

from conversation_store.codes import FailureCode
from conversation_store.records import RunOutcome
from conversation_store.states import RunState
from fallback.breaker import CircuitSignal
from fallback.guard import Observation

COUNTED = frozenset(
    {
        FailureCode.SPAWN_FAILED,
        FailureCode.CLI_NOT_FOUND,
        FailureCode.START_TIMEOUT,
        FailureCode.STALLED,
        FailureCode.NO_RESULT,
        FailureCode.CLI_ERROR,
        FailureCode.CLI_KILLED,
        FailureCode.NOT_READING,
        FailureCode.CLI_USAGE,
        FailureCode.PROTOCOL_ERROR,
    }
)
"""Failures of the CLI and of this machine. What the user ended, and what the model or its provider
answered, says nothing of them."""

PARSE_DRIFT = "parse_drift"
DRIFT_LINES = 10
"""A run with so many lines that were not understood has failed for the CLI's circuit."""

TMUX_HELPS = (COUNTED | {PARSE_DRIFT}) - {FailureCode.CLI_NOT_FOUND}
"""A CLI that is not there, or may not log in, is no better off in a terminal."""

HANGS = frozenset({FailureCode.START_TIMEOUT, FailureCode.STALLED, FailureCode.NOT_READING})


def signal_of(outcome: RunOutcome, broken_lines: int) -> tuple[CircuitSignal, str | None]:
    """What the end of a headless run says of its CLI, and the code of a failure."""
    if outcome.code == FailureCode.AUTH_REQUIRED:
        return CircuitSignal.AUTH, outcome.code
    if outcome.code in COUNTED:
        return CircuitSignal.FAILURE, outcome.code
    if broken_lines >= DRIFT_LINES:
        return CircuitSignal.FAILURE, PARSE_DRIFT
    if outcome.state is RunState.SUCCEEDED:
        return CircuitSignal.SUCCESS, None
    return CircuitSignal.NEUTRAL, None


def observation_of(outcome: RunOutcome, broken_lines: int) -> Observation | None:
    """What the guards see in the end of a headless run; None if it says nothing of the CLI."""
    signal, code = signal_of(outcome, broken_lines)
    if signal is CircuitSignal.SUCCESS:
        return Observation.SUCCESS
    if signal is not CircuitSignal.FAILURE or code == FailureCode.CLI_NOT_FOUND:
        return None
    if code == PARSE_DRIFT:
        return Observation.DRIFT
    return Observation.HANG if code in HANGS else Observation.FAILURE
