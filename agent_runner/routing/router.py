"""Asks `fallback` which way a run goes, applies the answer, and learns from what became of it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from agent_runner.errors import UnavailableError
from agent_runner.events.run import CircuitChanged
from agent_runner.routing.circuits import Circuits, refusal
from agent_runner.routing.comm_mode import check_comm_mode
from agent_runner.routing.guards import Guards
from agent_runner.routing.toggles import Toggles
from conversation_store.records import AgentRecord, Cause, RunOutcome, ToggleRecord
from conversation_store.states import RunState
from fallback.breaker import BreakerState
from fallback.circuit import Circuit, CircuitScope
from fallback.decide import ShadowLegs, decide, fallback_plan, may_fall_back
from fallback.failures import TMUX_HELPS, observation_of
from fallback.guard import Evidence, Observation
from fallback.plan import CommMode, Plan
from fallback.precedence import Key, Scope


class Terminals(Protocol):
    """Says what can run in tmux here."""

    @property
    def tmux(self) -> bool:
        """True if tmux is installed and may be used."""
        ...

    def obstacle(self, agent: AgentRecord) -> UnavailableError | None:
        """Why the agent cannot be driven in tmux here; None if it can."""
        ...


class Leg(msgspec.Struct, kw_only=True):
    """A headless attempt that was let through: what it is the one trial, or the canary, of."""

    run_id: str
    trials: set[CircuitScope]
    canary: Key | None

    @property
    def tried(self) -> bool:
        """True if it is the trial, or the canary, of something."""
        return bool(self.trials) or self.canary is not None


class Router:
    """Decides in memory, from what stands at that moment, and learns from what became of it."""

    def __init__(
        self,
        toggles: Toggles,
        guards: Guards,
        circuits: Circuits,
        terminals: Terminals,
        legs: ShadowLegs,
    ) -> None:
        self.toggles = toggles
        self.guards = guards
        self.circuits = circuits
        self.terminals = terminals
        self._legs = legs

    def plan(self, agent: AgentRecord, requested: str | None, *, begins: bool = False) -> Plan:
        """The plan for a run of `agent` that is accepted, or `begins`.

        Only one that begins can be a canary. UnavailableError `circuit_open` or
        `tmux_unavailable` if no way is open.
        """
        mode = None if requested is None else check_comm_mode(requested)
        plan = decide(_Facts(self, agent), self._legs, mode, begins=begins)
        if isinstance(plan, Circuit):
            raise refusal(plan, agent)
        if CommMode.TMUX in (plan.mode, plan.mirror):
            obstacle = self.terminals.obstacle(agent)
            if obstacle is not None:
                raise obstacle
        return plan

    async def doctor_failed(self, agent_type: str, trouble: str) -> None:
        """Take it as evidence that a CLI does not do what the doctor asks of it."""
        if self.terminals.tmux:
            evidence = Evidence(kind="doctor", text=trouble)
            await self.guards.warn([(Scope.TYPE, agent_type)], evidence)

    def outlook(self, agent: AgentRecord) -> tuple[str | None, str, str]:
        """Mode, source and reason of a run that would begin now; if no way is open, no mode.

        The code of the refusal is the source then.
        """
        try:
            plan = self.plan(agent, None)
        except UnavailableError as refusal:
            return None, refusal.code, refusal.message
        mode = CommMode.SHADOW if plan.mirror is not None else plan.mode
        return mode, plan.source, plan.reason

    async def forget(self, agent_id: str) -> None:
        """Let a later agent of this name begin anew: no toggle, no circuit, nothing seen."""
        key = (Scope.AGENT, agent_id)
        if self.toggles.get(key) is not None:
            cause = Cause(by="service", via="deletion", reason="the agent was deleted")
            await self.toggles.clear(key, cause)
        await self.circuits.forget(agent_id)
        self.guards.forget(key)

    async def begin(self, plan: Plan, agent: AgentRecord, run_id: str) -> Leg | None:
        """Let a headless attempt through, whose end must be told to `learn`; None for tmux.

        UnavailableError `circuit_open` if that may not be.
        """
        if plan.mode is not CommMode.HEADLESS:
            return None
        trials = self.circuits.admit(agent)
        if plan.canary is not None:
            await self.guards.begin_canary(plan.canary, run_id)
        return Leg(run_id=run_id, trials=trials, canary=plan.canary)

    async def prove(self, leg: Leg, agent: AgentRecord) -> list[CircuitChanged]:
        """Conclude what the attempt is a trial of: it asks somebody, so the CLI works.

        Nobody else need wait for the answer. Returns the circuits that it moved.
        """
        trials, leg.trials = leg.trials, set()
        canary, leg.canary = leg.canary, None
        moved: list[Circuit] = []
        if trials:
            works = RunOutcome(state=RunState.SUCCEEDED)
            moved = await self.circuits.record(agent, works, 0, trials)
        if canary is not None:
            await self.guards.record(agent, Observation.SUCCESS, run_id=leg.run_id, canary=canary)
        return [_event(circuit) for circuit in moved]

    async def learn(
        self, leg: Leg, agent: AgentRecord, outcome: RunOutcome, broken_lines: int
    ) -> list[CircuitChanged]:
        """Take the end of a headless attempt as evidence; returns the circuits that it moved."""
        moved = await self.circuits.record(agent, outcome, broken_lines, leg.trials)
        changes = [_event(circuit) for circuit in moved]
        if leg.canary is None and self.terminals.obstacle(agent) is not None:
            return changes
        observed = observation_of(outcome, broken_lines)
        await self.guards.record(agent, observed, run_id=leg.run_id, canary=leg.canary)
        for circuit in moved:
            if circuit.state is BreakerState.OPEN and circuit.code in TMUX_HELPS:
                await self.guards.warn([(Scope(circuit.scope), circuit.name)], circuit.evidence)
        return changes

    def after(
        self, plan: Plan, agent: AgentRecord, code: str | None, *, acted: bool
    ) -> Plan | None:
        """The one other way of a run whose leg by `plan` failed with `code`, if it has one.

        None once the leg has `acted`: a tool that has run must not run again.
        """
        if not may_fall_back(plan, code, acted=acted) or self.terminals.obstacle(agent):
            return None
        return fallback_plan(code)


class _Facts:
    """See `fallback.decide.Facts`."""

    def __init__(self, router: Router, agent: AgentRecord) -> None:
        self._router = router
        self._agent = agent

    @property
    def comm_mode(self) -> CommMode:
        return check_comm_mode(self._agent.comm_mode)

    @property
    def toggle(self) -> ToggleRecord | None:
        return self._router.toggles.in_force(self._agent.agent_id, self._agent.type)

    @property
    def open_circuit(self) -> Circuit | None:
        return self._router.circuits.open(self._agent)

    @property
    def has_terminal(self) -> bool:
        return self._router.terminals.obstacle(self._agent) is None

    def admits_canary(self, toggle: ToggleRecord) -> bool:
        return self._router.guards.admits_canary(toggle)


def _event(circuit: Circuit) -> CircuitChanged:
    return CircuitChanged(
        scope=circuit.scope,
        name=circuit.name,
        state=circuit.state.value,
        failures=circuit.failures,
        code=circuit.code,
        retry_in_ms=circuit.retry_in_ms,
    )
