"""Gives headless up for an agent or a CLI type on evidence, and takes it back by canaries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.registry import adapter_for
from agent_runner.events.toggle import (
    CanaryFinished,
    CanaryStarted,
    ToggleCleared,
    ToggleExpired,
    ToggleSet,
)
from agent_runner.routing.toggles import Toggles
from agent_runner.settings import AutomaticSettings
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import AgentRecord, Cause, ToggleRecord
from fallback.guard import Evidence, Guard, Level, Observation, Policy
from fallback.precedence import Key, Scope, key_of

log = structlog.get_logger(__name__)

RUNBOOK = "runbooks/fallback.md"
_AGENTS_OF_A_TYPE = 2
AUTOMATIC = "automatic"
"""How a toggle was changed that no operator has changed."""


class Guards:
    """One guard for each agent and each CLI type that has run headless.

    A guard that falls sets an automatic toggle, one that returns takes it away; where an
    operator's toggle stands, nothing is moved. A CLI type falls for what ails several of its
    agents; what one does while its own guard has fallen says nothing of the type.
    """

    def __init__(
        self,
        store: Store,
        toggles: Toggles,
        settings: AutomaticSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._toggles = toggles
        self._enabled = settings.enabled
        self._clock = clock
        alone = _policy(settings)
        several = msgspec.structs.replace(alone, sources=_AGENTS_OF_A_TYPE)
        self._policies = {Scope.AGENT: alone, Scope.TYPE: several}
        self._guards: dict[Key, Guard] = {}

    def on_toggle(self, event: ToggleSet | ToggleCleared | ToggleExpired) -> None:
        """Observe toggles: what was seen before an operator stepped in counts for nothing after."""
        if event.via != AUTOMATIC:
            self.forget((Scope(event.scope), event.name))

    def load(self) -> None:
        """Take up the automatic toggles that an earlier service set; after `Toggles.load`."""
        for toggle in self._toggles.all():
            if toggle.automatic:
                key = key_of(toggle)
                self._guards[key] = self._fresh(key).fallen_before(
                    int(toggle.evidence.get("falls", 0)),
                    max(0.0, wire.seconds_since(toggle.since)),
                    self._clock(),
                    Evidence(kind=str(toggle.evidence.get("kind", "")), text=toggle.reason),
                )

    def admits_canary(self, toggle: ToggleRecord) -> bool:
        """True if a run may be tried headless against this toggle."""
        guard = self._guards.get(key_of(toggle))
        return toggle.automatic and guard is not None and guard.admits_canary(self._clock())

    async def begin_canary(self, key: Key, run_id: str) -> None:
        """Note that run `run_id` is the one that is tried; its end must be told to `record`."""
        self._guards[key] = self._guards[key].begin_canary()
        await self._note(CanaryStarted(scope=key[0].value, name=key[1], run_id=run_id))

    async def record(
        self, agent: AgentRecord, outcome: Observation | None, *, run_id: str, canary: Key | None
    ) -> None:
        """Learn from the end of a headless run; None if it says nothing of the CLI."""
        if canary is not None:
            await self._note(
                CanaryFinished(
                    scope=canary[0].value,
                    name=canary[1],
                    run_id=run_id,
                    outcome=None if outcome is None else outcome.value,
                )
            )
        now = self._clock()
        for key in _keys(agent):
            before = self._guard(key)
            if outcome is None:
                after = before.abandon_canary() if key == canary else before
            else:
                after = before.observe(outcome, now, source=agent.agent_id, canary=key == canary)
            await self._keep(key, before, after)
            if after.level is Level.TMUX and canary in (None, key):
                return

    def forget(self, key: Key) -> None:
        """Let what was seen so far count for nothing."""
        self._guards.pop(key, None)

    async def warn(self, keys: Iterable[Key], evidence: Evidence) -> None:
        """Give headless up on evidence that is no run: an open circuit, a failing doctor."""
        for key in keys:
            before = self._guard(key)
            await self._keep(key, before, before.warn(evidence, self._clock()))

    async def _keep(self, key: Key, before: Guard, after: Guard) -> None:
        """Have what changed stand as a toggle first: only then does the guard move."""
        if not self._enabled or after is before:
            return
        try:
            if not await self._shown(key, before, after):
                after = self._fresh(key)
        except StoreError as error:
            log.error("automatic_step_not_stored", scope=key[0], name=key[1], code=error.code)
            after = before.abandon_canary()
        self._guards[key] = after

    async def _shown(self, key: Key, before: Guard, after: Guard) -> bool:
        """True if the toggles say what `after` does; False if an operator decides here."""
        if after.level is Level.TMUX and (before.level, before.falls) != (Level.TMUX, after.falls):
            return await self._toggles.put(self._toggle(key, before, after))
        if after.level is Level.HEADLESS and before.level is Level.TMUX:
            toggle = self._toggles.get(key)
            if toggle is not None and toggle.automatic:
                assert after.evidence is not None
                cause = Cause(by="service", via=AUTOMATIC, reason=after.evidence.text)
                await self._toggles.withdraw(toggle, cause)
        return True

    def _toggle(self, key: Key, before: Guard, after: Guard) -> ToggleRecord:
        evidence = after.evidence
        assert evidence is not None
        reason = evidence.text
        if before.level is Level.TMUX:
            reason = f"a run was tried headless and failed; before that: {evidence.text}"
        return ToggleRecord(
            scope=key[0].value,
            name=key[1],
            mode="tmux",
            automatic=True,
            reason=reason,
            set_by="service",
            via=AUTOMATIC,
            since=wire.now(),
            evidence={
                "kind": evidence.kind,
                "text": evidence.text,
                "figures": evidence.figures,
                "falls": after.falls,
                "nextTryInMs": round((after.retry_at - self._clock()) * 1000),
                "runbook": RUNBOOK,
            },
        )

    async def _note(self, event: CanaryStarted | CanaryFinished) -> None:
        detail = msgspec.to_builtins(event)
        kind, scope, name = (detail.pop(word) for word in ("type", "scope", "name"))
        try:
            await self._store.toggles.note(kind, scope, name, detail, now=wire.now())
        except StoreError as error:
            log.error("canary_not_noted", scope=scope, name=name, code=error.code)
        self._toggles.feed.grown()

    def _guard(self, key: Key) -> Guard:
        found = self._guards.get(key)
        return found if found is not None else self._fresh(key)

    def _fresh(self, key: Key) -> Guard:
        return Guard(policy=self._policies[key[0]])


def _keys(agent: AgentRecord) -> list[Key]:
    keys = [(Scope.AGENT, agent.agent_id)]
    return [*keys, (Scope.TYPE, agent.type)] if adapter_for(agent.type).one_program else keys


def _policy(settings: AutomaticSettings) -> Policy:
    given = settings.model_dump(exclude={"enabled", "doctor_ms"})
    values = {
        name.removesuffix("_ms") + "_s" if name.endswith("_ms") else name: (
            value / 1000 if name.endswith("_ms") else value
        )
        for name, value in given.items()
    }
    return msgspec.convert(values, Policy)
