"""Headless attempts, and the circuits or canaries that they are the trial of."""

from __future__ import annotations

import anyio
import structlog

from agent_runner.bus.bus import Bus
from agent_runner.events.approval import ApprovalRequested
from agent_runner.events.envelope import Stored
from agent_runner.events.run import CircuitChanged
from agent_runner.routing.router import Leg, Router
from agent_runner.tasks import Tasks
from conversation_store.records import AgentRecord, RunOutcome
from fallback.plan import Plan

log = structlog.get_logger(__name__)


class Trial:
    """A leg on its way. `proof` is set once an early sign that its CLI works is taken in."""

    def __init__(self, leg: Leg, agent: AgentRecord) -> None:
        self.leg = leg
        self.agent = agent
        self.proof: anyio.Event | None = None


class Trials:
    """Begins and ends legs. One that asks a person has proved its CLI: nobody else need wait."""

    def __init__(self, router: Router, bus: Bus, tasks: Tasks) -> None:
        self._router = router
        self._bus = bus
        self._tasks = tasks
        self._open: dict[str, Trial] = {}
        bus.observers.observe(self.on_asked, ApprovalRequested)

    async def begin(self, plan: Plan, agent: AgentRecord, run_id: str) -> Trial | None:
        """Let a headless attempt through, whose end must be told to `end`; None for tmux.

        UnavailableError `circuit_open` if that may not be.
        """
        leg = await self._router.begin(plan, agent, run_id)
        if leg is None:
            return None
        trial = self._open[run_id] = Trial(leg, agent)
        return trial

    async def end(
        self, trial: Trial, outcome: RunOutcome, broken_lines: int
    ) -> list[CircuitChanged]:
        """Take the end of an attempt as evidence; returns the circuits that it moved."""
        self._open.pop(trial.leg.run_id, None)
        if trial.proof is not None:
            await trial.proof.wait()
        return await self._router.learn(trial.leg, trial.agent, outcome, broken_lines)

    def on_asked(self, envelope: Stored) -> None:
        """Observe approvals: the leg that asks works."""
        trial = self._open.get(envelope.run_id or "")
        if trial is not None and trial.proof is None and trial.leg.tried:
            trial.proof = anyio.Event()
            self._tasks.start_soon(self._prove, trial, trial.proof, envelope)

    async def _prove(self, trial: Trial, proof: anyio.Event, envelope: Stored) -> None:
        try:
            changes = await self._router.prove(trial.leg, trial.agent)
            if changes:
                channel = await self._bus.channel(envelope.conversation_id)
                await channel.emit(envelope.run_id, changes)
        except Exception:  # what cannot be told of a circuit must not keep a run open
            log.exception("circuit_not_recorded", run_id=envelope.run_id)
        finally:
            proof.set()
