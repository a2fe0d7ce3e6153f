"""What the end of a run says to the circuits and to the guards."""

from __future__ import annotations

import pytest

from conversation_store.codes import FailureCode
from conversation_store.records import RunOutcome
from conversation_store.states import RunState
from fallback.breaker import CircuitSignal
from fallback.failures import DRIFT_LINES, PARSE_DRIFT, observation_of, signal_of
from fallback.guard import Observation

OK, FAILED = RunState.SUCCEEDED, RunState.FAILED


@pytest.mark.parametrize(
    ("state", "code", "broken", "signal", "why", "observation"),
    [
        (OK, None, 0, "success", None, "success"),
        (OK, None, DRIFT_LINES - 1, "success", None, "success"),
        (OK, None, DRIFT_LINES, "failure", PARSE_DRIFT, "drift"),
        (FAILED, "auth_required", 0, "auth", "auth_required", None),
        (FAILED, "cli_not_found", 0, "failure", "cli_not_found", None),
        (FAILED, "cli_error", 0, "failure", "cli_error", "failure"),
        (RunState.TIMED_OUT, "stalled", 0, "failure", "stalled", "hang"),
        (FAILED, "rate_limited", 0, "neutral", None, None),
        (RunState.CANCELLED, "cancelled", 0, "neutral", None, None),
    ],
)
def test_what_an_end_says(
    state: RunState,
    code: str | None,
    broken: int,
    signal: str,
    why: str | None,
    observation: str | None,
) -> None:
    outcome = RunOutcome(state=state, code=code)
    assert code is None or code in set(FailureCode)
    assert signal_of(outcome, broken) == (CircuitSignal(signal), why)
    seen = None if observation is None else Observation(observation)
    assert observation_of(outcome, broken) == seen
