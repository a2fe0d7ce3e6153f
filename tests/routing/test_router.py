"""The order in which things decide how a run is driven, and the one other way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_runner import wire
from agent_runner.bus.observers import Observers
from agent_runner.errors import UnavailableError
from agent_runner.events.toggle import ToggleCleared, ToggleExpired, ToggleSet
from agent_runner.routing.circuits import Circuits
from agent_runner.routing.guards import Guards
from agent_runner.routing.router import Router
from agent_runner.routing.toggles import Toggles
from agent_runner.settings import AutomaticSettings, BreakerSettings
from conversation_store.codes import FailureCode
from conversation_store.records import AgentRecord, Cause, RunOutcome
from conversation_store.sqlite.store import Store, open_store
from conversation_store.states import RunState
from fallback.decide import ShadowLegs
from fallback.plan import CommMode, Source
from fallback.precedence import EVERYTHING, Scope

pytestmark = pytest.mark.anyio

CAUSE = Cause(by="olivia", via="http", reason="looks ill")
TYPE = (Scope.TYPE, "claude-code")
AGENT = (Scope.AGENT, "a")
ALL = (Scope.GLOBAL, EVERYTHING)
GOOD = RunOutcome(state=RunState.SUCCEEDED)
HUNG = RunOutcome(state=RunState.TIMED_OUT, code=FailureCode.STALLED)


class World:
    """A router over a real store, with a clock that is set by hand."""

    def __init__(self, store: Store, **automatic: Any) -> None:
        self.now = 1000.0
        self.terminal = True
        self.store = store
        observers = Observers()
        self.toggles = Toggles(store, observers)
        breakers = BreakerSettings(agent_failures=3, type_failures=50, cooldown_ms=10_000)
        self.circuits = Circuits(store, breakers, self.clock)
        settings = AutomaticSettings(**automatic)
        self.guards = Guards(store, self.toggles, settings, self.clock)
        observers.observe_announced(self.guards.on_toggle, ToggleSet, ToggleCleared, ToggleExpired)
        self.router = Router(
            self.toggles, self.guards, self.circuits, self, ShadowLegs(primary=CommMode.TMUX)
        )

    def clock(self) -> float:
        return self.now

    @property
    def tmux(self) -> bool:
        return self.terminal

    def obstacle(self, agent: AgentRecord) -> UnavailableError | None:
        return None if self.terminal else UnavailableError("tmux_unavailable", "no tmux")

    def way(self, agent: AgentRecord, requested: str | None = None) -> tuple[str, str]:
        plan = self.router.plan(agent, requested, begins=True)
        return plan.mode.value, plan.source.value

    async def run(self, agent: AgentRecord, outcome: RunOutcome) -> str:
        """The source of the way of one run that ends with `outcome` if it is headless."""
        plan = self.router.plan(agent, None, begins=True)
        leg = await self.router.begin(plan, agent, "run_x")
        if leg is not None:
            await self.router.learn(leg, agent, outcome, 0)
        return plan.source.value


def agent(comm_mode: str = "headless", name: str = "a") -> AgentRecord:
    now = wire.now()
    return AgentRecord(
        agent_id=name,
        type="claude-code",
        comm_mode=comm_mode,
        options={},
        created_at=now,
        updated_at=now,
    )


@asynccontextmanager
async def world(folder: Path, **automatic: Any) -> AsyncIterator[World]:
    async with open_store(folder / "store.db") as store:
        yield World(store, **automatic)


async def test_each_decides_before_those_after_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert w.way(agent()) == ("headless", "comm_mode")
        assert w.way(agent("tmux")) == ("tmux", "comm_mode")
        for _ in range(3):
            await w.circuits.record(agent(), HUNG, 0, set())
        assert w.way(agent()) == ("tmux", "circuit")
        await w.toggles.set(ALL, "tmux", CAUSE)
        assert w.way(agent()) == ("tmux", "global_toggle")
        await w.toggles.set(TYPE, "headless", CAUSE)
        assert w.way(agent()) == ("headless", "type_toggle"), "pinned: the circuit only refuses"
        assert w.way(agent("tmux")) == ("tmux", "comm_mode"), "a pin moves nobody to headless"
        await w.toggles.set(AGENT, "tmux", CAUSE)
        assert w.way(agent()) == ("tmux", "agent_toggle")
        assert w.way(agent(name="b")) == ("headless", "type_toggle")
        await w.toggles.set(AGENT, "headless", CAUSE)
        assert w.way(agent("tmux")) == ("headless", "agent_toggle"), "forced"
        assert w.way(agent(), "tmux") == ("tmux", "request")


@pytest.mark.parametrize("deleted", [False, True], ids=["the same agent", "a later one"])
async def test_what_was_seen_of_a_deleted_agent_says_nothing_of_a_later_one(
    tmp_path: Path, deleted: bool
) -> None:
    async with world(tmp_path) as w:
        for outcome in (HUNG, GOOD, HUNG, GOOD):
            await w.run(agent(), outcome)
        if deleted:
            await w.router.forget("a")
        await w.run(agent(), HUNG)
        assert (w.toggles.get(AGENT) is None) is deleted


async def test_the_reason_names_who_and_why(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.toggles.set(TYPE, "tmux", CAUSE)
        reason = w.router.plan(agent(), None).reason
        assert "claude-code" in reason
        assert "olivia" in reason
        assert "looks ill" in reason


async def test_shadow_is_two_legs_while_headless_is_allowed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        plan = w.router.plan(agent("shadow"), None)
        assert (plan.mode, plan.mirror) == (CommMode.TMUX, CommMode.HEADLESS)
        assert w.router.outlook(agent("shadow"))[0] == "shadow"
        await w.toggles.set(TYPE, "tmux", CAUSE)
        assert w.router.plan(agent("shadow"), None).mirror is None
        await w.toggles.clear(TYPE, CAUSE)
        for _ in range(3):
            await w.circuits.record(agent(), HUNG, 0, set())
        plan = w.router.plan(agent("shadow"), None)
        assert (plan.mode, plan.mirror) == (CommMode.TMUX, None), "no mirror that is sure to fail"
        w.terminal = False
        with pytest.raises(UnavailableError):
            w.router.plan(agent("shadow"), None)


async def test_a_run_that_an_open_circuit_sends_to_tmux_is_told_once(tmp_path: Path) -> None:
    """The plan is made anew when the run begins: a second later it is the same one."""
    async with world(tmp_path) as w:
        for _ in range(3):
            await w.circuits.record(agent(), HUNG, 0, set())
        accepted = w.router.plan(agent(), None)
        assert accepted.reason == "agent a failed 3 times (stalled)"
        w.now += 1
        assert w.router.plan(agent(), None, begins=True) == accepted


async def test_without_a_terminal_an_open_circuit_refuses(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for _ in range(3):
            await w.circuits.record(agent(), HUNG, 0, set())
        w.terminal = False
        with pytest.raises(UnavailableError) as caught:
            w.router.plan(agent(), None)
        assert caught.value.code == "circuit_open"
        assert w.router.outlook(agent())[:2] == (None, "circuit_open")


async def test_shadow_without_a_terminal_is_headless_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.terminal = False
        plan = w.router.plan(agent("shadow"), None)
        assert (plan.mode, plan.mirror) == (CommMode.HEADLESS, None)
        assert "no terminal" in plan.reason


async def test_what_cannot_run_in_tmux_is_refused_and_not_run_headless(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.terminal = False
        with pytest.raises(UnavailableError) as caught:
            w.router.plan(agent("tmux"), None)
        assert caught.value.code == "tmux_unavailable"
        await w.toggles.set(TYPE, "tmux", CAUSE)
        with pytest.raises(UnavailableError):
            w.router.plan(agent(), None)


async def test_tmux_is_no_help_for_a_login(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        out = RunOutcome(state=RunState.FAILED, code=FailureCode.AUTH_REQUIRED)
        await w.circuits.record(agent(), out, 0, set())
        with pytest.raises(UnavailableError):
            w.router.plan(agent(), None)


@pytest.mark.parametrize(
    ("comm_mode", "requested", "code", "acted", "other"),
    [
        ("headless", None, FailureCode.STALLED, False, True),
        ("headless", None, FailureCode.SPAWN_FAILED, False, True),
        ("headless", None, FailureCode.STALLED, True, False),
        ("headless", None, FailureCode.AUTH_REQUIRED, False, False),
        ("headless", None, FailureCode.OVERLOADED, False, False),
        ("headless", None, FailureCode.TIMED_OUT, False, False),
        ("headless", None, FailureCode.CANCELLED, False, False),
        ("headless", None, None, False, False),
        ("headless", "headless", FailureCode.STALLED, False, False),
        ("tmux", None, FailureCode.STALLED, False, False),
    ],
)
async def test_the_one_other_way(
    tmp_path: Path, comm_mode: str, requested: str | None, code: str, acted: bool, other: bool
) -> None:
    async with world(tmp_path) as w:
        plan = w.router.plan(agent(comm_mode), requested)
        second = w.router.after(plan, agent(comm_mode), code, acted=acted)
        assert (second is not None) is other
        if second is not None:
            assert (second.mode, second.source) == (CommMode.TMUX, Source.FALLBACK)
            assert w.router.after(second, agent(comm_mode), code, acted=False) is None, "once"


async def test_hangs_disable_headless_and_canaries_bring_it_back(tmp_path: Path) -> None:
    async with world(tmp_path, dwell_ms=60_000, canaries=2) as w:
        for _ in range(2):
            assert await w.run(agent(), HUNG) == "comm_mode"
        assert await w.run(agent(), HUNG) == "comm_mode"
        (toggle,) = w.toggles.all()
        assert (toggle.scope, toggle.name, toggle.mode) == ("agent", "a", "tmux")
        assert toggle.automatic
        assert toggle.evidence["kind"] == "circuit_open"
        assert toggle.evidence["runbook"] == "runbooks/fallback.md"
        assert await w.run(agent(), GOOD) == "agent_toggle"
        w.now += 61
        assert await w.run(agent(), GOOD) == "canary"
        assert w.toggles.all(), "one good run is not enough"
        assert await w.run(agent(), GOOD) == "canary"
        assert w.toggles.all() == []
        assert await w.run(agent(), GOOD) == "comm_mode"
        kinds = [event.type for event in await w.store.toggles.events(after=0, limit=99)]
        tried = ["canary.started", "canary.finished"]
        assert kinds == ["toggle.set", *tried, *tried, "toggle.cleared"]


async def test_a_bad_canary_dwells_longer(tmp_path: Path) -> None:
    async with world(tmp_path, dwell_ms=60_000) as w:
        for _ in range(3):
            await w.run(agent(), HUNG)
        w.now += 61
        assert await w.run(agent(), HUNG) == "canary"
        w.now += 61
        assert await w.run(agent(), HUNG) == "agent_toggle"
        (toggle,) = w.toggles.all()
        assert toggle.evidence["falls"] == 1
        w.now += 60
        assert await w.run(agent(), HUNG) == "canary"


async def test_one_agent_alone_does_not_move_its_cli_type(tmp_path: Path) -> None:
    async with world(tmp_path, least_runs=4) as w:
        for _ in range(4):
            await w.run(agent(name="good"), GOOD)
        for _ in range(10):
            await w.run(agent(name="bad"), HUNG)
        assert [(t.scope, t.name) for t in w.toggles.all()] == [("agent", "bad")]


async def test_a_cli_type_that_hangs_everywhere_is_moved(tmp_path: Path) -> None:
    async with world(tmp_path, least_runs=5) as w:
        for number in range(5):
            await w.run(agent(name=f"agent{number}"), HUNG)
        assert [(t.scope, t.name) for t in w.toggles.all()] == [("type", "claude-code")]


async def test_operators_win(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.toggles.set(AGENT, "headless", CAUSE)
        for _ in range(3):
            await w.run(agent(), HUNG)
        (toggle,) = w.toggles.all()
        assert not toggle.automatic, "a pin is not moved by evidence"
        await w.toggles.clear(AGENT, CAUSE)
        await w.circuits.reset(agent())
        for _ in range(3):
            await w.run(agent(), HUNG)
        assert w.toggles.all()[0].automatic
        await w.toggles.clear(AGENT, CAUSE)
        await w.circuits.reset(agent())
        assert await w.run(agent(), HUNG) == "comm_mode", "what was seen before counts no more"
        assert w.toggles.all() == []


async def test_it_can_be_turned_off(tmp_path: Path) -> None:
    async with world(tmp_path, enabled=False) as w:
        for _ in range(3):
            await w.run(agent(), HUNG)
        assert w.toggles.all() == []


async def test_without_a_terminal_nothing_is_given_up(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.terminal = False
        for _ in range(3):
            await w.run(agent(), HUNG)
        assert w.toggles.all() == []


async def test_an_automatic_toggle_outlives_the_service(tmp_path: Path) -> None:
    async with world(tmp_path, dwell_ms=60_000) as w:
        for _ in range(3):
            await w.run(agent(), HUNG)
    async with world(tmp_path, dwell_ms=60_000) as w:
        await w.toggles.load()
        w.guards.load()
        assert w.way(agent()) == ("tmux", "agent_toggle")
        w.now += 61
        assert w.way(agent()) == ("headless", "canary")


async def test_a_toggle_ends_by_itself(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.toggles.set(TYPE, "tmux", CAUSE, expires_ms=1)
        while w.toggles.all():
            await anyio.sleep(0.001)
        assert w.way(agent()) == ("headless", "comm_mode")
