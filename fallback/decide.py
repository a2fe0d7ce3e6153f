"""Which way a run goes: request > agent toggle > CLI toggle > circuit > the agent's commMode.

Pure: what stands is asked of `Facts`, and only where it decides.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from conversation_store.records import ToggleRecord
from fallback.circuit import Circuit
from fallback.failures import TMUX_HELPS
from fallback.plan import CommMode, Plan, Source
from fallback.precedence import Scope, key_of

_TOGGLES = {
    Scope.AGENT: Source.AGENT_TOGGLE,
    Scope.TYPE: Source.TYPE_TOGGLE,
    Scope.GLOBAL: Source.GLOBAL_TOGGLE,
}
_MAY_FALL_BACK = frozenset({Source.COMM_MODE, Source.CANARY})
"""Who asked for headless by name gets it, or its failure."""


class ShadowLegs(msgspec.Struct, frozen=True, kw_only=True):
    """Whose answer counts in shadow, and whether that is compared with itself."""

    primary: CommMode
    against_itself: bool = False


class Facts(Protocol):
    """What stands for one agent at this moment."""

    @property
    def comm_mode(self) -> CommMode:
        """The agent's own."""
        ...

    @property
    def toggle(self) -> ToggleRecord | None:
        """The toggle in force for it."""
        ...

    @property
    def open_circuit(self) -> Circuit | None:
        """The circuit for which it would not be tried headless now."""
        ...

    @property
    def has_terminal(self) -> bool:
        """True if it can be driven in tmux here."""
        ...

    def admits_canary(self, toggle: ToggleRecord) -> bool:
        """True if one run may be tried headless against this toggle."""
        ...


def decide(
    facts: Facts, legs: ShadowLegs, requested: CommMode | None, *, begins: bool
) -> Plan | Circuit:
    """The plan for a run that is accepted, or `begins`; the open circuit if no way is open.

    Only one that begins can be a canary. A plan may want tmux where there is no terminal.
    """
    if requested is not None:
        return _by_mode(
            facts, legs, requested, Source.REQUEST, f"the request asked for {requested}"
        )
    toggle = facts.toggle
    if toggle is None:
        return _by_circuit(facts, legs)
    if toggle.mode == CommMode.TMUX:
        if begins and facts.admits_canary(toggle) and facts.open_circuit is None:
            return Plan(
                mode=CommMode.HEADLESS,
                source=Source.CANARY,
                reason=f"tried headless after: {toggle.reason}",
                canary=key_of(toggle),
            )
        return Plan(mode=CommMode.TMUX, source=_source(toggle), reason=_reason(toggle))
    if toggle.scope == Scope.AGENT or facts.comm_mode is not CommMode.TMUX:
        return Plan(mode=CommMode.HEADLESS, source=_source(toggle), reason=_reason(toggle))
    return _by_comm_mode(facts, legs)


def may_fall_back(plan: Plan, code: str | None, *, acted: bool) -> bool:
    """True if a run whose leg by `plan` failed with `code` may go to tmux, where that is open.

    Never once the leg has `acted`: a tool that has run must not run again.
    """
    headless = plan.mode is CommMode.HEADLESS and plan.source in _MAY_FALL_BACK
    return headless and not acted and code in TMUX_HELPS


def fallback_plan(code: str | None) -> Plan:
    """The other way of a run whose headless leg failed with `code`."""
    return Plan(
        mode=CommMode.TMUX,
        source=Source.FALLBACK,
        reason=f"headless failed before it had done anything ({code})",
    )


def _by_circuit(facts: Facts, legs: ShadowLegs) -> Plan | Circuit:
    plan = _by_comm_mode(facts, legs)
    if CommMode.HEADLESS not in (plan.mode, plan.mirror):
        return plan
    circuit = facts.open_circuit
    if circuit is None:
        return plan
    if plan.mode is CommMode.TMUX:
        # The mirror is left out; the answer does not suffer for it.
        return Plan(mode=plan.mode, source=plan.source, reason=plan.reason)
    if circuit.code in TMUX_HELPS and facts.has_terminal:
        # Without the time that is left: the plan that the run begins with is to be the same.
        return Plan(mode=CommMode.TMUX, source=Source.CIRCUIT, reason=circuit.trouble)
    return circuit


def _by_comm_mode(facts: Facts, legs: ShadowLegs) -> Plan:
    mode = facts.comm_mode
    return _by_mode(facts, legs, mode, Source.COMM_MODE, f"the agent's commMode is {mode}")


def _by_mode(facts: Facts, legs: ShadowLegs, mode: CommMode, source: Source, reason: str) -> Plan:
    if mode is not CommMode.SHADOW:
        return Plan(mode=mode, source=source, reason=reason)
    primary = legs.primary
    other = CommMode.HEADLESS if primary is CommMode.TMUX else CommMode.TMUX
    if legs.against_itself:
        other = primary
    if CommMode.TMUX in (primary, other) and not facts.has_terminal:
        return Plan(
            mode=CommMode.HEADLESS,
            source=source,
            reason=f"{reason}; no terminal to compare with",
        )
    return Plan(mode=primary, source=source, reason=reason, mirror=other)


def _source(toggle: ToggleRecord) -> Source:
    return _TOGGLES[Scope(toggle.scope)]


def _reason(toggle: ToggleRecord) -> str:
    scope, name = toggle.scope, toggle.name
    what = {"agent": f"agent {name}", "type": f"the CLI type {name}"}.get(scope, "every CLI")
    how = "is kept headless" if toggle.mode == CommMode.HEADLESS else "runs in tmux"
    return f"{what} {how} by {toggle.set_by} since {toggle.since}: {toggle.reason}"
