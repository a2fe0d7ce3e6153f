"""Toggles as the service has them: in memory for the router, in the store for the next start."""

from __future__ import annotations

import math

import anyio
import msgspec
import structlog

from agent_runner import wire
from agent_runner.bus.feed import Feed
from agent_runner.bus.observers import Observers
from agent_runner.clock import Clock
from agent_runner.errors import BadRequestError, NotFoundError
from agent_runner.events.toggle import ToggleCleared, ToggleExpired, ToggleSet
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import Cause, ToggleRecord
from fallback.precedence import EVERYTHING, Key, Scope, expired, in_force, key_of

log = structlog.get_logger(__name__)

LONGEST_S = 366 * 86400.0
RETRY_S = 5.0


class Toggles:
    """Every change is committed with its audit entry before it counts, and then counts at once."""

    def __init__(self, store: Store, observers: Observers, clock: Clock | None = None) -> None:
        self._store = store
        self._observers = observers
        self._clock = clock or Clock()
        self.feed = Feed(store.toggles)
        self._in_force: dict[Key, ToggleRecord] = {}
        self._changing = anyio.Lock()
        self._changed = anyio.Event()

    def wake(self) -> None:
        """Look anew: what stands may have another end by now."""
        self._changed.set()

    async def load(self) -> None:
        """Take up what stands, with its present end."""
        async with self._changing:
            found = await self._store.toggles.all()
            self._in_force = {key_of(toggle): toggle for toggle in found}

    def all(self) -> list[ToggleRecord]:
        """Every toggle in force, the narrowest scopes first."""
        now = self._clock.now()
        found = [toggle for toggle in self._in_force.values() if not expired(toggle, now)]
        return sorted(found, key=lambda toggle: (toggle.scope, toggle.name))

    def get(self, key: Key) -> ToggleRecord | None:
        """The toggle in force at just this place."""
        toggle = self._in_force.get(key)
        return toggle if toggle is not None and not expired(toggle, self._clock.now()) else None

    def in_force(self, agent_id: str, agent_type: str) -> ToggleRecord | None:
        """The toggle that speaks for an agent."""
        if not self._in_force:
            return None
        return in_force(self._in_force, agent_id, agent_type, self._clock.now())

    async def set(
        self, key: Key, mode: str, cause: Cause, *, expires_ms: int | None = None
    ) -> ToggleRecord:
        """Set an operator's toggle in the place of what stood there."""
        if expires_ms is not None and not 0 < expires_ms <= LONGEST_S * 1000:
            raise BadRequestError("invalid_body", "expiresMs: longer than a year")
        now = self._clock.now()
        toggle = ToggleRecord(
            scope=key[0].value,
            name=key[1],
            mode=mode,
            automatic=False,
            reason=cause.reason,
            set_by=cause.by,
            via=cause.via,
            since=now,
            expires_at=None if expires_ms is None else wire.later(now, expires_ms / 1000),
        )
        await self.put(toggle)
        return toggle

    async def put(self, toggle: ToggleRecord) -> bool:
        """Commit a toggle; False if it is automatic and an operator's stands there."""
        async with self._changing:
            if not await self._store.toggles.set(toggle):
                return False
            self._in_force[key_of(toggle)] = toggle
        self._tell(ToggleSet, toggle, _cause(toggle))
        return True

    async def clear(self, key: Key, cause: Cause) -> ToggleRecord:
        """Take a toggle away; NotFoundError `no_toggle` if none stands there."""
        cleared = await self._clear(key, cause)
        if cleared is None:
            raise NotFoundError("no_toggle", f"nothing is set for {_named(key)}")
        return cleared

    async def clear_all(self, cause: Cause) -> list[ToggleRecord]:
        """Take every toggle away, automatic ones too."""
        cleared = [await self._clear(key, cause) for key in list(self._in_force)]
        return [toggle for toggle in cleared if toggle is not None]

    async def withdraw(self, toggle: ToggleRecord, cause: Cause) -> bool:
        """Take just this toggle away; False if another stands there by now."""
        cleared = await self._clear(key_of(toggle), cause, only_since=toggle.since)
        return cleared is not None

    async def keep_time(self) -> None:
        """Clear toggles as their time comes; runs for ever."""
        while True:
            self._changed = anyio.Event()
            now = self._clock.now()
            left = math.inf
            for toggle in list(self._in_force.values()):
                if expired(toggle, now):
                    cause = Cause(by="service", via="expiry", reason="its time was over")
                    try:
                        await self.withdraw(toggle, cause)
                    except StoreError as error:  # it counts for nothing any more, in any case
                        log.warning("expired_toggle_not_cleared", code=error.code)
                        left = min(left, RETRY_S)
                elif toggle.expires_at is not None:
                    left = min(left, wire.seconds_between(now, toggle.expires_at))
            with anyio.move_on_after(left):
                await self._changed.wait()

    async def _clear(
        self, key: Key, cause: Cause, *, only_since: str | None = None
    ) -> ToggleRecord | None:
        async with self._changing:
            cleared = await self._store.toggles.clear(
                key[0].value, key[1], cause, now=self._clock.now(), only_since=only_since
            )
            if cleared is not None:
                self._in_force.pop(key, None)
        if cleared is not None:
            event = ToggleExpired if cause.via == "expiry" else ToggleCleared
            self._tell(event, cleared, cause)
        return cleared

    def _tell(
        self,
        event: type[ToggleSet] | type[ToggleCleared] | type[ToggleExpired],
        toggle: ToggleRecord,
        cause: Cause,
    ) -> None:
        self._changed.set()
        self.feed.grown()
        self._observers.announce(
            event(
                scope=key_of(toggle)[0].value,
                name=toggle.name,
                toggle=msgspec.to_builtins(toggle),
                by=cause.by,
                via=cause.via,
                reason=cause.reason,
            )
        )
        log.warning(
            "toggle_set" if event is ToggleSet else "toggle_cleared",
            scope=toggle.scope,
            name=toggle.name,
            mode=toggle.mode,
            reason=toggle.reason,
        )


def _cause(toggle: ToggleRecord) -> Cause:
    return Cause(by=toggle.set_by, via=toggle.via, reason=toggle.reason)


def _named(key: Key) -> str:
    scope, name = key
    if name == EVERYTHING:
        return "the service as a whole"
    return f"agent {name!r}" if scope is Scope.AGENT else f"the CLI type {name!r}"
