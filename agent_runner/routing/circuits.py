"""The circuit breakers of the service: one for each agent and one for each CLI."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.registry import adapter_for
from agent_runner.errors import UnavailableError
from agent_runner.settings import BreakerSettings
from conversation_store.codes import FailureCode
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import AgentRecord, CircuitRecord, RunOutcome
from fallback.breaker import Breaker, BreakerState, Policy
from fallback.circuit import Circuit, CircuitScope, signal_to
from fallback.failures import signal_of

log = structlog.get_logger(__name__)


class Circuits:
    """Says whether a run may be tried, and learns from what became of it."""

    def __init__(
        self, store: Store, settings: BreakerSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._policies: dict[CircuitScope, Policy] = {
            "agent": self._policy(settings, settings.agent_failures),
            "type": self._policy(settings, settings.type_failures),
        }
        self._breakers: dict[tuple[CircuitScope, str], Breaker] = {}

    async def load(self) -> None:
        """Take up what an earlier service knew. A trial that it had begun counts for nothing."""
        for record in await self._store.circuits.all():
            scope: CircuitScope = "agent" if record.scope == "agent" else "type"
            state = BreakerState(record.state)
            policy = self._policies[scope]
            left = 0.0
            if record.retry_at is not None:
                left = -wire.seconds_since(record.retry_at)
                left = min(max(left, 0.0), policy.longest_cooldown_s)
            self._breakers[scope, record.name] = Breaker(
                policy=policy,
                state=BreakerState.CLOSED if state is BreakerState.CLOSED else BreakerState.OPEN,
                failures=record.failures,
                openings=record.openings,
                code=record.code,
                retry_at=None if state is BreakerState.CLOSED else self._clock() + left,
            )

    def open(self, agent: AgentRecord) -> Circuit | None:
        """The circuit for which a run of this agent would not be tried headless now."""
        now = self._clock()
        for key in _keys(agent):
            if self._breaker(*key).retry_in(now) > 0:
                return self._circuit(*key)
        return None

    def admit(self, agent: AgentRecord) -> set[CircuitScope]:
        """Let one run of this agent through; UnavailableError if none may be.

        Returns the scopes whose one trial it is; its end must be told to `record`.
        """
        if (circuit := self.open(agent)) is not None:
            raise refusal(circuit, agent)
        now = self._clock()
        trials: set[CircuitScope] = set()
        for key in _keys(agent):
            admitted = self._breaker(*key).admit(now)
            assert admitted is not None
            if admitted.state is BreakerState.HALF_OPEN:
                self._breakers[key] = admitted
                trials.add(key[0])
        return trials

    async def record(
        self, agent: AgentRecord, outcome: RunOutcome, broken_lines: int, trials: set[CircuitScope]
    ) -> list[Circuit]:
        """Learn from the end of a run that was let through; returns the circuits that it moved."""
        signal, code = signal_of(outcome, broken_lines)
        ails = self._breaker("agent", agent.agent_id).state is not BreakerState.CLOSED
        changes = []
        for scope, name in _keys(agent):
            before = self._breaker(scope, name)
            told = signal_to(scope, signal, agent_ails=ails)
            after = before.record(told, code, self._clock(), trial=scope in trials)
            if after == before:
                continue
            await self._keep(scope, name, after)
            opened = after.state is BreakerState.OPEN and before.state is not BreakerState.OPEN
            closed = after.state is BreakerState.CLOSED and before.state is not BreakerState.CLOSED
            if opened or closed:
                changes.append(self._moved(scope, name))
        return changes

    async def reset(self, agent: AgentRecord) -> list[Circuit]:
        """Close the circuits of an agent and of its CLI, whatever they have seen."""
        for scope, name in _keys(agent):
            closed = Breaker(policy=self._policies[scope])
            await self._save(scope, name, closed)
            self._breakers[scope, name] = closed
        return [self._circuit(*key) for key in _keys(agent)]

    async def forget(self, agent_id: str) -> None:
        """Let a later agent of this name begin anew."""
        if ("agent", agent_id) in self._breakers:
            await self._save("agent", agent_id, Breaker(policy=self._policies["agent"]))
            del self._breakers["agent", agent_id]

    def status(self) -> list[Circuit]:
        """Every breaker that has seen something."""
        return [self._circuit(*key) for key in sorted(self._breakers)]

    def _breaker(self, scope: CircuitScope, name: str) -> Breaker:
        found = self._breakers.get((scope, name))
        return found if found is not None else Breaker(policy=self._policies[scope])

    async def _keep(self, scope: CircuitScope, name: str, breaker: Breaker) -> None:
        """What is in memory counts; what is not stored is only unknown to the next start."""
        self._breakers[scope, name] = breaker
        try:
            await self._save(scope, name, breaker)
        except StoreError as error:
            log.error("circuit_not_stored", scope=scope, name=name, code=error.code)

    async def _save(self, scope: CircuitScope, name: str, breaker: Breaker) -> None:
        left = breaker.retry_in(self._clock())
        retry_at = datetime.now(UTC) + timedelta(seconds=left)
        await self._store.circuits.save(
            CircuitRecord(
                scope=scope,
                name=name,
                state=breaker.state,
                failures=breaker.failures,
                openings=breaker.openings,
                code=breaker.code,
                retry_at=retry_at.isoformat() if breaker.retry_at is not None else None,
                changed_at=wire.now(),
            )
        )

    def _moved(self, scope: CircuitScope, name: str) -> Circuit:
        circuit = self._circuit(scope, name)
        log.warning("circuit_changed", **msgspec.to_builtins(circuit))
        return circuit

    def _circuit(self, scope: CircuitScope, name: str) -> Circuit:
        breaker = self._breaker(scope, name)
        waits = breaker.state is BreakerState.OPEN
        return Circuit(
            scope=scope,
            name=name,
            state=breaker.state,
            failures=breaker.failures,
            openings=breaker.openings,
            code=breaker.code,
            retry_in_ms=round(breaker.retry_in(self._clock()) * 1000) if waits else None,
        )

    @staticmethod
    def _policy(settings: BreakerSettings, failures: int) -> Policy:
        return Policy(
            failures=failures,
            cooldown_s=settings.cooldown_ms / 1000,
            longest_cooldown_s=settings.longest_cooldown_ms / 1000,
        )


def _keys(agent: AgentRecord) -> list[tuple[CircuitScope, str]]:
    keys: list[tuple[CircuitScope, str]] = [("agent", agent.agent_id)]
    return [*keys, ("type", agent.type)] if adapter_for(agent.type).one_program else keys


def refusal(circuit: Circuit, agent: AgentRecord) -> UnavailableError:
    """What whoever wants a run of `agent` is answered while the circuit is not closed."""
    left = None if circuit.retry_in_ms is None else circuit.retry_in_ms / 1000
    when = "while one run is tried" if left is None else f"for {left:.0f} s"
    hint = "agent-runner circuits reset AGENT tries it at once"
    if circuit.code == FailureCode.AUTH_REQUIRED:
        hint = f"{adapter_for(agent.type).login_hint}; then {hint}"
    return UnavailableError(
        FailureCode.CIRCUIT_OPEN,
        f"{circuit.trouble} and is left alone {when}",
        hint=hint,
        retry_after_s=1.0 if left is None else left,
    )
