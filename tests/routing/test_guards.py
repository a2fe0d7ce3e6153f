"""A canary is concluded whatever becomes of the guards beside it, and of the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runner.bus.observers import Observers
from agent_runner.events.toggle import ToggleCleared, ToggleExpired, ToggleSet
from agent_runner.routing.guards import Guards
from agent_runner.routing.toggles import Toggles
from agent_runner.settings import AutomaticSettings
from conversation_store.health import Fault
from conversation_store.sqlite.store import Store, open_store
from conversation_store.states import StoreState
from fallback.guard import Evidence, Observation
from fallback.precedence import Scope
from tests.helpers.rows import add_agent

pytestmark = pytest.mark.anyio

LONG_AFTER = 1e6


def guarded(store: Store) -> tuple[Guards, Toggles, list[float]]:
    now, observers = [0.0], Observers()
    toggles = Toggles(store, observers)
    guards = Guards(store, toggles, AutomaticSettings(), clock=lambda: now[0])
    observers.observe_announced(guards.on_toggle, ToggleSet, ToggleCleared, ToggleExpired)
    return guards, toggles, now


async def test_that_of_a_type_which_makes_its_agent_fall(tmp_path: Path) -> None:
    async with open_store(tmp_path / "new.db") as store:
        guards, toggles, now = guarded(store)
        one, two = await add_agent(store, "one"), await add_agent(store, "two")
        for agent in (one, one, one, one, two):
            await guards.record(agent, Observation.FAILURE, run_id="run_0", canary=None)
        of_type = toggles.get((Scope.TYPE, one.type))
        assert of_type is not None
        assert toggles.get((Scope.AGENT, "one")) is None
        now[0] = 301.0
        assert guards.admits_canary(of_type)
        await guards.begin_canary((Scope.TYPE, one.type), "run_1")
        await guards.record(one, Observation.FAILURE, run_id="run_1", canary=(Scope.TYPE, one.type))
        assert toggles.get((Scope.AGENT, "one")) is not None
        now[0] = LONG_AFTER
        assert guards.admits_canary(of_type)


async def test_one_that_ends_on_a_full_disk(tmp_path: Path) -> None:
    async with open_store(tmp_path / "new.db") as store:
        guards, toggles, now = guarded(store)
        agent = await add_agent(store)
        key = (Scope.AGENT, agent.agent_id)
        await guards.warn([key], Evidence(kind="circuit_open", text="it failed"))
        toggle = toggles.get(key)
        assert toggle is not None
        now[0] = LONG_AFTER
        await guards.begin_canary(key, "run_1")
        assert not guards.admits_canary(toggle)
        store.health.set(Fault(StoreState.FULL, "database or disk is full"))
        await guards.record(agent, Observation.FAILURE, run_id="run_1", canary=key)
        store.health.set(None)
        assert guards.admits_canary(toggle)
