"""How a run ended: from the result of its turn and the wish to stop it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from agent_runner import wire
from agent_runner.agents.base import Adapter
from agent_runner.agents.resets import from_epoch, future, reset_time
from agent_runner.agents.wordings.table import wording_of
from agent_runner.events.message import TurnCompleted
from agent_runner.events.run import RunFinished
from agent_runner.events.usage import Usage
from agent_runner.runs.hints import HINTS
from agent_runner.runs.stop import StopReason
from conversation_store.codes import FailureCode
from conversation_store.records import RunOutcome
from conversation_store.states import RunState

_STOPPED = {
    StopReason.CANCELLED: (RunState.CANCELLED, FailureCode.CANCELLED, "the run was cancelled"),
    StopReason.TIMED_OUT: (RunState.TIMED_OUT, FailureCode.TIMED_OUT, "the run's time was over"),
    StopReason.START_TIMEOUT: (
        RunState.TIMED_OUT,
        FailureCode.START_TIMEOUT,
        "the CLI printed nothing after its start",
    ),
    StopReason.STALLED: (
        RunState.TIMED_OUT,
        FailureCode.STALLED,
        "the CLI gave no sign of life for too long",
    ),
    StopReason.SHUTDOWN: (RunState.INTERRUPTED, FailureCode.INTERRUPTED, "the service stopped"),
}

# Ends that pass by themselves, perhaps at a time that is told.
_RESET = (
    FailureCode.RATE_LIMITED,
    FailureCode.BILLING,
    FailureCode.OVERLOADED,
    FailureCode.API_ERROR,
)


def stopped(reason: StopReason) -> RunOutcome:
    """The end of a run that was asked to stop."""
    state, code, error = _STOPPED[reason]
    return RunOutcome(state=state, code=code, error=error)


def failed(code: str, error: str, hint: str | None = None) -> RunOutcome:
    """The end of a run that could not be brought to a result."""
    return RunOutcome(state=RunState.FAILED, code=code, error=error, hint=hint)


def both(first_mode: str, first: RunOutcome, mode: str, second: RunOutcome) -> RunOutcome:
    """The end of a run that went another way; if that failed too, with the reasons of both."""
    if second.state is not RunState.FAILED:
        return second
    error = f"{mode}: {second.error}; {first_mode} before it: {first.error} ({first.code})"
    return msgspec.structs.replace(second, error=error)


def judge(
    turn_result: TurnCompleted, stop_reason: StopReason | None, adapter: Adapter
) -> RunOutcome:
    """How the run ended: a result that came in time wins over a wish to stop."""
    if turn_result.ok:
        outcome = RunOutcome(state=RunState.SUCCEEDED)
    elif stop_reason is not None:
        outcome = stopped(stop_reason)
    else:
        code = turn_result.code or FailureCode.CLI_ERROR
        error = turn_result.error or "the CLI reported a failure without a text"
        outcome = failed(code, error, _hint(code, error, adapter))
        if code in _RESET:
            outcome = msgspec.structs.replace(outcome, resets_at=_resets_at(turn_result, error))
    return msgspec.structs.replace(
        outcome,
        answer=turn_result.text,
        partial=turn_result.partial,
        usage=msgspec.to_builtins(turn_result.usage) if turn_result.usage is not None else None,
        cost_usd=turn_result.cost_usd,
    )


def _hint(code: str, error: str, adapter: Adapter) -> str | None:
    wording = wording_of(error, code)
    if wording is not None and wording.code == code and wording.hint is not None:
        return wording.hint
    return adapter.login_hint if code == FailureCode.AUTH_REQUIRED else None


def _resets_at(turn_result: TurnCompleted, error: str) -> str | None:
    now = datetime.now(UTC)
    given = None if turn_result.resets_at is None else from_epoch(turn_result.resets_at)
    moment = None if given is None else future(given, now)
    moment = moment or reset_time(error, now)
    return None if moment is None else wire.utc_text(moment)


def with_hint(outcome: RunOutcome) -> RunOutcome:
    """The end of a run with what its code advises, where nobody knew better."""
    if outcome.hint is not None or outcome.code is None:
        return outcome
    return msgspec.structs.replace(outcome, hint=HINTS.get(outcome.code))


def finished_event(outcome: RunOutcome) -> RunFinished:
    """The run's last event."""
    return RunFinished(
        state=outcome.state,
        success=outcome.state is RunState.SUCCEEDED,
        duration_ms=outcome.duration_ms,
        code=outcome.code,
        error=outcome.error,
        hint=outcome.hint,
        turn_id=outcome.turn_id,
        session_id=outcome.session_id,
        exit_code=outcome.exit_code,
        usage=msgspec.convert(outcome.usage, Usage | None),
        cost_usd=outcome.cost_usd,
        resets_at=outcome.resets_at,
        model=outcome.model,
        steered_into=outcome.steered_into,
    )
