"""How a run ended: from the agent's verdict and the wish to stop it."""

from __future__ import annotations

import msgspec

from agent_runner.agents.base import Adapter
from agent_runner.errors import FailureCode
from agent_runner.events import RunFinished, TurnCompleted, Usage
from agent_runner.runs.active import StopReason
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

_HINTS: dict[str, str] = {
    FailureCode.SESSION_NOT_FOUND: "end the conversation (POST /agents/{agentId}/end-session) "
    "and send the prompt again",
    FailureCode.NO_RESULT: "the state folder's raw/ has all that the CLI printed in this run",
    FailureCode.BACKGROUND_LOST: "send a prompt that has the work done again; a longer "
    "timeouts.sessionLifetimeMs lets a process live for it",
    FailureCode.NO_ANSWER: "send the prompt again; if that stays so, end the conversation "
    "(POST /agents/{agentId}/end-session) first",
    FailureCode.BLOCKED_BY_HOOK: "change the prompt, or the hook in the CLI's own settings",
    FailureCode.GAVE_UP: "ask for less at a time, or end the conversation and start a new one",
    FailureCode.CLI_USAGE: "check the agent's extraArgs against the installed version",
    FailureCode.CONTEXT_TOO_LONG: "end the conversation and start a new one",
    FailureCode.MEMORY_LIMIT: "raise resources.memoryBytes of the agent, or give it less to do",
    FailureCode.CPU_LIMIT: "raise resources.cpuS of the agent",
    FailureCode.PROCESS_LIMIT: "raise resources.processes of the agent",
    FailureCode.OUTPUT_LIMIT: "raise resources.outputBytes of the agent",
    FailureCode.OOM_KILLED: "give the machine more memory, or set resources.memoryBytes",
}


def stopped(reason: StopReason) -> RunOutcome:
    """The end of a run that was asked to stop."""
    state, code, error = _STOPPED[reason]
    return RunOutcome(state=state, code=code, error=error)


def failed(code: str, error: str, hint: str | None = None) -> RunOutcome:
    """The end of a run that could not be brought to a verdict."""
    return RunOutcome(state=RunState.FAILED, code=code, error=error, hint=hint)


def both(first_mode: str, first: RunOutcome, mode: str, second: RunOutcome) -> RunOutcome:
    """The end of a run that went another way; if that failed too, with the reasons of both."""
    if second.state is not RunState.FAILED:
        return second
    error = f"{mode}: {second.error}; {first_mode} before it: {first.error} ({first.code})"
    return msgspec.structs.replace(second, error=error)


def judge(verdict: TurnCompleted, stop_reason: StopReason | None, adapter: Adapter) -> RunOutcome:
    """How the run ended: a result that came in time wins over a wish to stop."""
    if verdict.ok:
        outcome = RunOutcome(state=RunState.SUCCEEDED)
    elif stop_reason is not None:
        outcome = stopped(stop_reason)
    else:
        code = verdict.code or FailureCode.CLI_ERROR
        outcome = failed(
            code,
            verdict.error or "the CLI reported a failure without a text",
            adapter.login_hint if verdict.code == FailureCode.AUTH_REQUIRED else _HINTS.get(code),
        )
    return msgspec.structs.replace(
        outcome,
        answer=verdict.text,
        partial=verdict.partial,
        usage=msgspec.to_builtins(verdict.usage) if verdict.usage is not None else None,
        cost_usd=verdict.cost_usd,
    )


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
    )
