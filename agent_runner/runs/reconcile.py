"""Settles, before traffic is accepted, what an earlier service left open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import anyio
import anyio.to_thread
import msgspec
import structlog

from agent_runner import wire
from agent_runner.bus.stored import new_event
from agent_runner.events.background import BackgroundLost, BackgroundTask
from agent_runner.process import tree
from agent_runner.process.identity import ProcessIdentity
from agent_runner.runs.outcome import finished_event, with_hint
from agent_runner.runs.recovery import Recovered
from conversation_store.codes import FailureCode
from conversation_store.interfaces import Store
from conversation_store.records import ProcessRecord, RunOutcome, RunRecord, StoredEvent
from conversation_store.states import RunState

log = structlog.get_logger(__name__)


class Reconciliation(msgspec.Struct, kw_only=True, rename="camel"):
    """What was found at the start and what became of it."""

    at: str
    processes_found_dead: int = 0
    processes_ended: int = 0
    processes_not_ended: list[int] = []
    runs_interrupted: int = 0
    runs_resumed: int = 0
    runs_held: int = 0
    duration_ms: int = 0


class Recover(Protocol):
    """Tells what is known of the end of a run that nobody saw."""

    async def __call__(self, run: RunRecord) -> Recovered:
        """See `Recovery.of`."""
        ...


async def reconcile(
    store: Store, *, resume_queued: bool, prompted: Callable[[str], bool], recover: Recover
) -> tuple[Reconciliation, list[RunRecord]]:
    """End every process of an earlier service, and every begun run that cannot go on.

    Returns the report and the runs that go on: those that an approval holds, then the queued
    ones, oldest first. A queued run of which a CLI was `prompted` had begun on a warm process:
    it is not run again. Killed midway it can be done again; done twice it changes nothing.
    """
    begun = anyio.current_time()
    report = Reconciliation(at=wire.now())
    recorded = await store.processes.all()
    living = await anyio.to_thread.run_sync(tree.living, [_identity(p) for p in recorded])
    async with anyio.create_task_group() as tasks:
        for process in recorded:
            lives = process.process_id in living
            tasks.start_soon(_settle_process, store, process, lives, report)
    runs = await store.runs.open_runs()
    holding = await store.approvals.held_runs()
    held = [run for run in runs if run.run_id in holding and run.trigger == "prompt"]
    queued = [
        run
        for run in runs
        if resume_queued and run.state is RunState.QUEUED and not prompted(run.run_id)
    ]
    async with anyio.create_task_group() as tasks:
        for run in runs:
            if run not in queued and run not in held:
                tasks.start_soon(_interrupt, store, run, report, recover)
    report.runs_resumed, report.runs_held = len(queued), len(held)
    report.duration_ms = round((anyio.current_time() - begun) * 1000)
    log.info("reconciled", **msgspec.to_builtins(report))
    return report, [*held, *queued]


def _identity(process: ProcessRecord) -> ProcessIdentity:
    return ProcessIdentity(
        process_id=process.process_id,
        pid=process.pid,
        start_ticks=process.start_ticks,
        boot_id=process.boot_id,
    )


async def _settle_process(
    store: Store, process: ProcessRecord, lives: bool, report: Reconciliation
) -> None:
    """A process's keeper ends it when its service dies; here that is proved, or done.

    What it had left to do in the background is lost, and its conversation is told.
    """
    identity = _identity(process)
    if lives and not await tree.end(identity):
        log.error("process_not_ended", pid=identity.pid, process_id=identity.process_id)
        report.processes_not_ended.append(identity.pid)
        return
    report.processes_ended += lives
    report.processes_found_dead += not lives
    lost = msgspec.json.decode(process.background, type=list[BackgroundTask])
    events = [new_event(BackgroundLost(tasks=lost, reason="crash"))] if lost else []
    await store.processes.lose(process, events)


async def _interrupt(
    store: Store, run: RunRecord, report: Reconciliation, recover: Recover
) -> None:
    error = f"the service stopped while the run was {run.state}"
    if await interrupt(store, run, error, await recover(run)) is not None:
        report.runs_interrupted += 1


async def interrupt(
    store: Store, run: RunRecord, error: str, known: Recovered | None = None
) -> list[StoredEvent] | None:
    """End a run that nothing drives any more; None if it is over already.

    What is `known` of its end is stored with it. A run whose CLI had come to a good end is a
    success: only nobody was there to note it.
    """
    known = known or Recovered()
    outcome = RunOutcome(
        state=RunState.INTERRUPTED,
        code=FailureCode.INTERRUPTED,
        error=error,
    )
    if (turn_result := known.turn_result) is not None and turn_result.ok:
        outcome = RunOutcome(state=RunState.SUCCEEDED)
        known.answer, known.partial = turn_result.text or known.answer, False
    started_at = known.started_at or run.started_at
    outcome = msgspec.structs.replace(
        with_hint(outcome),
        answer=known.answer,
        partial=known.partial,
        turn_id=None if known.answer is None else wire.new_id("turn"),
        form=run.form,
        session_id=known.session_id,
        cli_version=known.cli_version,
        usage=None if known.usage is None else msgspec.to_builtins(known.usage),
        cost_usd=known.cost_usd,
        duration_ms=_between(started_at, known.last_at),
        metadata=run.metadata,
    )
    events = [new_event(event) for event in (*known.events, finished_event(outcome))]
    return await store.runs.finish(
        run.run_id, outcome, events, now=wire.now(), started_at=started_at
    )


def _between(begun: str | None, ended: str | None) -> int:
    """Milliseconds, none if one of the times is not known."""
    if begun is None or ended is None:
        return 0
    return max(0, round(wire.seconds_between(begun, ended) * 1000))
