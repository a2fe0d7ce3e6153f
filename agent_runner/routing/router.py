"""Which way a run goes: request > agent toggle > CLI toggle > circuit > the agent's commMode."""

from __future__ import annotations

from typing import Protocol

import msgspec

from agent_runner.errors import FailureCode, UnavailableError
from agent_runner.events.run import CircuitChanged
from agent_runner.routing.circuits import COUNTED, PARSE_DRIFT, Circuits, verdict_of
from agent_runner.routing.circuits import Scope as CircuitScope
from agent_runner.routing.guards import Guards
from agent_runner.routing.plan import CommMode, Plan, Source, check_comm_mode
from agent_runner.routing.toggles import Toggles, key_of
from conversation_store.records import AgentRecord, RunOutcome, ToggleRecord
from conversation_store.sqlite.toggles import Cause
from conversation_store.states import RunState
from fallback.breaker import CircuitSignal
from fallback.guard import Evidence, Observation
from fallback.precedence import Key, Scope

# A CLI that is not there, or may not log in, is no better off in a terminal.
_TMUX_HELPS = (COUNTED | {PARSE_DRIFT}) - {FailureCode.CLI_NOT_FOUND}
_TOGGLES = {
    Scope.AGENT: Source.AGENT_TOGGLE,
    Scope.TYPE: Source.TYPE_TOGGLE,
    Scope.GLOBAL: Source.GLOBAL_TOGGLE,
}
_HANGS = frozenset({FailureCode.START_TIMEOUT, FailureCode.STALLED, FailureCode.NOT_READING})
# Who asked for headless by name gets it, or its failure.
_MAY_FALL_BACK = frozenset({Source.COMM_MODE, Source.CANARY})


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
        shadow_primary: CommMode,
        *,
        against_itself: bool = False,
    ) -> None:
        self._toggles = toggles
        self._guards = guards
        self._circuits = circuits
        self._terminals = terminals
        self._shadow_primary = shadow_primary
        self._against_itself = against_itself

    def plan(self, agent: AgentRecord, requested: str | None, *, begins: bool = False) -> Plan:
        """The plan for a run of `agent` that is accepted, or `begins`.

        Only one that begins can be a canary. UnavailableError `circuit_open` or
        `tmux_unavailable` if no way is open.
        """
        plan = self._choose(agent, requested, begins=begins)
        if CommMode.TMUX in (plan.mode, plan.mirror):
            obstacle = self._terminals.obstacle(agent)
            if obstacle is not None:
                raise obstacle
        return plan

    def _choose(self, agent: AgentRecord, requested: str | None, *, begins: bool) -> Plan:
        if requested is not None:
            mode = check_comm_mode(requested)
            return self._plan(mode, Source.REQUEST, f"the request asked for {mode}", agent)
        toggle = self._toggles.standing(agent.agent_id, agent.type)
        if toggle is None:
            return self._by_circuit(agent)
        if toggle.mode == CommMode.TMUX:
            if begins and self._guards.admits_canary(toggle) and not self._circuits.open(agent):
                return Plan(
                    mode=CommMode.HEADLESS,
                    source=Source.CANARY,
                    reason=f"tried headless after: {toggle.reason}",
                    canary=key_of(toggle),
                )
            return Plan(mode=CommMode.TMUX, source=_source(toggle), reason=_reason(toggle))
        if toggle.scope == Scope.AGENT or agent.comm_mode != CommMode.TMUX:
            return Plan(mode=CommMode.HEADLESS, source=_source(toggle), reason=_reason(toggle))
        return self._by_comm_mode(agent)

    async def doctor_failed(self, agent_type: str, trouble: str) -> None:
        """Take it as evidence that a CLI does not do what the doctor asks of it."""
        if self._terminals.tmux:
            evidence = Evidence(kind="doctor", text=trouble)
            await self._guards.warn([(Scope.TYPE, agent_type)], evidence)

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
        if self._toggles.get(key) is not None:
            cause = Cause(by="service", via="deletion", reason="the agent was deleted")
            await self._toggles.clear(key, cause)
        await self._circuits.forget(agent_id)
        self._guards.forget(key)

    async def begin(self, plan: Plan, agent: AgentRecord, run_id: str) -> Leg | None:
        """Let a headless attempt through, whose end must be told to `learn`; None for tmux.

        UnavailableError `circuit_open` if that may not be.
        """
        if plan.mode is not CommMode.HEADLESS:
            return None
        trials = self._circuits.admit(agent)
        if plan.canary is not None:
            await self._guards.begin_canary(plan.canary, run_id)
        return Leg(run_id=run_id, trials=trials, canary=plan.canary)

    async def prove(self, leg: Leg, agent: AgentRecord) -> list[CircuitChanged]:
        """Conclude what the attempt is a trial of: it asks somebody, so the CLI works.

        Nobody else need wait for the answer. Returns the circuits that it moved.
        """
        trials, leg.trials = leg.trials, set()
        canary, leg.canary = leg.canary, None
        changes = []
        if trials:
            works = RunOutcome(state=RunState.SUCCEEDED)
            changes = await self._circuits.record(agent, works, 0, trials)
        if canary is not None:
            await self._guards.record(agent, Observation.SUCCESS, run_id=leg.run_id, canary=canary)
        return changes

    async def learn(
        self, leg: Leg, agent: AgentRecord, outcome: RunOutcome, broken_lines: int
    ) -> list[CircuitChanged]:
        """Take the end of a headless attempt as evidence; returns the circuits that it moved."""
        changes = await self._circuits.record(agent, outcome, broken_lines, leg.trials)
        if leg.canary is None and self._terminals.obstacle(agent) is not None:
            return changes
        observed = _observed(outcome, broken_lines)
        await self._guards.record(agent, observed, run_id=leg.run_id, canary=leg.canary)
        for change in changes:
            if change.state == "open" and change.code in _TMUX_HELPS:
                await self._guards.warn([(Scope(change.scope), change.name)], _opened(change))
        return changes

    def after(
        self, plan: Plan, agent: AgentRecord, code: str | None, *, acted: bool
    ) -> Plan | None:
        """The one other way of a run whose leg by `plan` failed with `code`, if it has one.

        None once the leg has `acted`: a tool that has run must not run again.
        """
        if plan.mode is not CommMode.HEADLESS or plan.source not in _MAY_FALL_BACK or acted:
            return None
        if code not in _TMUX_HELPS or self._terminals.obstacle(agent) is not None:
            return None
        return Plan(
            mode=CommMode.TMUX,
            source=Source.FALLBACK,
            reason=f"headless failed before it had done anything ({code})",
        )

    def _by_circuit(self, agent: AgentRecord) -> Plan:
        plan = self._by_comm_mode(agent)
        if CommMode.HEADLESS not in (plan.mode, plan.mirror):
            return plan
        circuit = self._circuits.open(agent)
        if circuit is None:
            return plan
        if plan.mode is CommMode.TMUX:
            # The mirror is left out; the answer does not suffer for it.
            return Plan(mode=plan.mode, source=plan.source, reason=plan.reason)
        if circuit.code in _TMUX_HELPS and self._terminals.obstacle(agent) is None:
            # Without the time that is left: the plan that the run begins with is to be the same.
            return Plan(mode=CommMode.TMUX, source=Source.CIRCUIT, reason=circuit.trouble)
        raise circuit.refusal(agent)

    def _by_comm_mode(self, agent: AgentRecord) -> Plan:
        mode = check_comm_mode(agent.comm_mode)
        return self._plan(mode, Source.COMM_MODE, f"the agent's commMode is {mode}", agent)

    def _plan(self, mode: CommMode, source: Source, reason: str, agent: AgentRecord) -> Plan:
        if mode is not CommMode.SHADOW:
            return Plan(mode=mode, source=source, reason=reason)
        primary = self._shadow_primary
        other = CommMode.HEADLESS if primary is CommMode.TMUX else CommMode.TMUX
        if self._against_itself:
            other = primary
        if CommMode.TMUX in (primary, other) and self._terminals.obstacle(agent):
            return Plan(
                mode=CommMode.HEADLESS,
                source=source,
                reason=f"{reason}; no terminal to compare with",
            )
        return Plan(mode=primary, source=source, reason=reason, mirror=other)


def _observed(outcome: RunOutcome, broken_lines: int) -> Observation | None:
    verdict, code = verdict_of(outcome, broken_lines)
    if verdict is CircuitSignal.SUCCESS:
        return Observation.SUCCESS
    if verdict is not CircuitSignal.FAILURE or code == FailureCode.CLI_NOT_FOUND:
        return None
    if code == PARSE_DRIFT:
        return Observation.DRIFT
    return Observation.HANG if code in _HANGS else Observation.FAILURE


def _opened(change: CircuitChanged) -> Evidence:
    text = f"its circuit opened after {change.failures} failures in a row ({change.code})"
    figures = {"failures": change.failures, "code": change.code}
    return Evidence(kind="circuit_open", text=text, figures=figures)


def _source(toggle: ToggleRecord) -> Source:
    return _TOGGLES[Scope(toggle.scope)]


def _reason(toggle: ToggleRecord) -> str:
    scope, name = toggle.scope, toggle.name
    what = {"agent": f"agent {name}", "type": f"the CLI type {name}"}.get(scope, "every CLI")
    how = "is kept headless" if toggle.mode == CommMode.HEADLESS else "runs in tmux"
    return f"{what} {how} by {toggle.set_by} since {toggle.since}: {toggle.reason}"
