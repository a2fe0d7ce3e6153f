"""The way of a run, as a function of what stands."""

from __future__ import annotations

from typing import Any

import pytest

from conversation_store.records import ToggleRecord
from fallback.breaker import BreakerState
from fallback.circuit import Circuit
from fallback.decide import ShadowLegs, decide, fallback_plan, may_fall_back
from fallback.plan import CommMode, Plan, Source

HEADLESS, TMUX, SHADOW = CommMode.HEADLESS, CommMode.TMUX, CommMode.SHADOW
LEGS = ShadowLegs(primary=TMUX)


class Facts:
    """What stands, and nothing is asked that does not decide."""

    def __init__(self, comm_mode: CommMode = HEADLESS, **facts: Any) -> None:
        self.comm_mode = comm_mode
        self._facts = facts

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._facts[name]

    def admits_canary(self, toggle: ToggleRecord) -> bool:
        return bool(self._facts["canary"])


def toggle(mode: str, scope: str = "type") -> ToggleRecord:
    return ToggleRecord(
        scope=scope,
        name="*" if scope == "global" else "name",
        mode=mode,
        automatic=False,
        reason="it looks ill",
        set_by="olivia",
        via="cli",
        since="2026-01-01T00:00:00.000Z",
    )


def circuit(code: str) -> Circuit:
    return Circuit(
        scope="agent",
        name="name",
        state=BreakerState.OPEN,
        failures=3,
        openings=1,
        code=code,
        retry_in_ms=5,
    )


STALLED, MISSING = circuit("stalled"), circuit("cli_not_found")


@pytest.mark.parametrize(
    ("facts", "requested", "begins", "way"),
    [
        (Facts(), TMUX, True, (TMUX, "request", None)),
        (Facts(has_terminal=True), SHADOW, True, (TMUX, "request", HEADLESS)),
        (Facts(has_terminal=False), SHADOW, True, (HEADLESS, "request", None)),
        (Facts(toggle=toggle("tmux")), None, False, (TMUX, "type_toggle", None)),
        (Facts(toggle=toggle("tmux"), canary=False), None, True, (TMUX, "type_toggle", None)),
        (
            Facts(toggle=toggle("tmux"), canary=True, open_circuit=STALLED),
            None,
            True,
            (TMUX, "type_toggle", None),
        ),
        (
            Facts(toggle=toggle("tmux"), canary=True, open_circuit=None),
            None,
            True,
            (HEADLESS, "canary", None),
        ),
        (Facts(toggle=toggle("headless")), None, True, (HEADLESS, "type_toggle", None)),
        (Facts(TMUX, toggle=toggle("headless")), None, True, (TMUX, "comm_mode", None)),
        (
            Facts(TMUX, toggle=toggle("headless", "agent")),
            None,
            True,
            (HEADLESS, "agent_toggle", None),
        ),
        (Facts(toggle=toggle("tmux", "global")), None, False, (TMUX, "global_toggle", None)),
        (Facts(TMUX, toggle=None), None, True, (TMUX, "comm_mode", None)),
        (Facts(toggle=None, open_circuit=None), None, True, (HEADLESS, "comm_mode", None)),
        (
            Facts(toggle=None, open_circuit=STALLED, has_terminal=True),
            None,
            True,
            (TMUX, "circuit", None),
        ),
        (
            Facts(SHADOW, toggle=None, open_circuit=STALLED, has_terminal=True),
            None,
            True,
            (TMUX, "comm_mode", None),
        ),
    ],
)
def test_the_way(
    facts: Facts, requested: CommMode | None, begins: bool, way: tuple[CommMode, str, Any]
) -> None:
    plan = decide(facts, LEGS, requested, begins=begins)
    assert isinstance(plan, Plan)
    mode, source, mirror = way
    assert (plan.mode, plan.source, plan.mirror) == (mode, Source(source), mirror)
    assert (plan.canary is not None) is (plan.source is Source.CANARY)
    assert plan.detail() == {"source": source, **({"mirror": mirror.value} if mirror else {})}


@pytest.mark.parametrize(("code", "terminal"), [("stalled", False), ("cli_not_found", True)])
def test_no_way_is_open(code: str, terminal: bool) -> None:
    facts = Facts(toggle=None, open_circuit=circuit(code), has_terminal=terminal)
    assert decide(facts, LEGS, None, begins=True) == circuit(code)


def test_shadow_against_itself_has_the_primary_twice() -> None:
    legs = ShadowLegs(primary=HEADLESS, against_itself=True)
    plan = decide(Facts(SHADOW, toggle=None, open_circuit=None), legs, None, begins=True)
    assert isinstance(plan, Plan)
    assert (plan.mode, plan.mirror) == (HEADLESS, HEADLESS)


@pytest.mark.parametrize(
    ("mode", "source", "code", "acted", "may"),
    [
        (HEADLESS, "comm_mode", "stalled", False, True),
        (HEADLESS, "canary", "no_result", False, True),
        (HEADLESS, "comm_mode", "stalled", True, False),
        (HEADLESS, "request", "stalled", False, False),
        (TMUX, "comm_mode", "stalled", False, False),
        (HEADLESS, "comm_mode", "cli_not_found", False, False),
        (HEADLESS, "comm_mode", None, False, False),
    ],
)
def test_who_may_fall_back(
    mode: CommMode, source: str, code: str | None, acted: bool, may: bool
) -> None:
    plan = Plan(mode=mode, source=Source(source), reason="so")
    assert may_fall_back(plan, code, acted=acted) is may


def test_the_other_way_is_tmux_and_says_why() -> None:
    plan = fallback_plan("stalled")
    assert (plan.mode, plan.source) == (TMUX, Source.FALLBACK)
    assert "stalled" in plan.reason
