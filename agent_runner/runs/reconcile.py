"""Settles, before traffic is accepted, the runs that an earlier service left open."""

from __future__ import annotations

import structlog

from agent_runner import wire
from agent_runner.bus.frames import new_event
from agent_runner.errors import FailureCode
from agent_runner.runs.outcome import finished_event
from conversation_store.records import RunOutcome
from conversation_store.states import RunState
from conversation_store.store import Store

log = structlog.get_logger(__name__)


async def interrupt_open_runs(store: Store) -> int:
    """End every open run as `interrupted`; returns how many. Running it again changes nothing."""
    runs = await store.runs.open_runs()
    for run in runs:
        error = f"the service stopped while the run was {run.state}"
        outcome = RunOutcome(
            state=RunState.INTERRUPTED,
            code=FailureCode.INTERRUPTED,
            error=error,
            metadata=run.metadata,
        )
        events = [new_event(finished_event(outcome))]
        await store.runs.finish(run.run_id, outcome, events, now=wire.now())
    if runs:
        log.warning("runs_interrupted", count=len(runs))
    return len(runs)
