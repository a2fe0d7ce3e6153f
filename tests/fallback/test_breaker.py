"""The breaker: examples, and a model that is driven in every order."""

from __future__ import annotations

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fallback.breaker import AUTH_COOLDOWNS_S, Breaker, BreakerState, CircuitSignal, Policy

POLICY = Policy(failures=3, cooldown_s=10.0, longest_cooldown_s=60.0)


def failed(breaker: Breaker, now: float, times: int = 1) -> Breaker:
    for _ in range(times):
        breaker = breaker.record(CircuitSignal.FAILURE, "stalled", now, trial=False)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = failed(Breaker(policy=POLICY), 0.0, 2)
    assert breaker.state is BreakerState.CLOSED
    spared = breaker.record(CircuitSignal.SUCCESS, None, 0.0, trial=False)
    assert failed(spared, 0.0, 2).state is BreakerState.CLOSED
    opened = failed(breaker, 5.0)
    assert (opened.state, opened.code, opened.retry_at) == ("open", "stalled", 15.0)
    assert opened.admit(14.9) is None


def test_one_trial_decides() -> None:
    opened = failed(Breaker(policy=POLICY), 0.0, 3)
    half = opened.admit(10.0)
    assert half is not None
    assert half.state is BreakerState.HALF_OPEN
    assert half.admit(10.0) is None
    assert half.retry_in(10.0) == math.inf
    closed = half.record(CircuitSignal.SUCCESS, None, 11.0, trial=True)
    assert closed == Breaker(policy=POLICY)
    again = half.record(CircuitSignal.FAILURE, "stalled", 11.0, trial=True)
    assert (again.state, again.retry_at) == ("open", 31.0), "twice as long"
    unclear = half.record(CircuitSignal.NEUTRAL, None, 11.0, trial=True)
    assert unclear.admit(11.0) is not None


def test_waits_are_doubled_up_to_the_longest() -> None:
    breaker, now, waits = failed(Breaker(policy=POLICY), 0.0, 3), 0.0, []
    for _ in range(100):
        waits.append(breaker.retry_in(now))
        now += waits[-1]
        half = breaker.admit(now)
        assert half is not None
        breaker = half.record(CircuitSignal.FAILURE, "stalled", now, trial=True)
    assert waits[:4] == [10.0, 20.0, 40.0, 60.0]
    assert set(waits[4:]) == {60.0}


def test_a_login_is_tried_three_times_quickly_then_slowly() -> None:
    breaker, now, waits = Breaker(policy=POLICY), 0.0, []
    for _ in range(5):
        admitted = breaker.admit(now)
        assert admitted is not None
        trial = admitted.state is BreakerState.HALF_OPEN
        breaker = admitted.record(CircuitSignal.AUTH, "auth_required", now, trial=trial)
        waits.append(breaker.retry_in(now))
        now += waits[-1]
    assert waits == [*AUTH_COOLDOWNS_S, 60.0, 60.0]


@pytest.mark.parametrize("verdict", list(CircuitSignal))
def test_a_run_from_before_changes_nothing(verdict: CircuitSignal) -> None:
    opened = failed(Breaker(policy=POLICY), 0.0, 3)
    assert opened.record(verdict, "x", 1.0, trial=False) == opened
    half = opened.admit(10.0)
    assert half is not None
    assert half.record(verdict, "x", 11.0, trial=False) == half


class Model(RuleBasedStateMachine):
    """Any order of prompts, ends and time: the promises hold after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(policy=POLICY)
        self.now = 0.0
        self.running: list[bool] = []
        self.in_a_row = 0

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def prompt(self) -> None:
        due = self.breaker.retry_in(self.now)
        admitted = self.breaker.admit(self.now)
        assert (admitted is None) == (due > 0)
        if admitted is not None:
            self.breaker = admitted
            self.running.append(admitted.state is BreakerState.HALF_OPEN)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), verdict=st.sampled_from(list(CircuitSignal)))
    def end(self, data: st.DataObject, verdict: CircuitSignal) -> None:
        place = data.draw(st.integers(0, len(self.running) - 1))
        trial = self.running.pop(place)
        before = self.breaker
        self.breaker = before.record(verdict, verdict.value, self.now, trial=trial)
        if verdict is CircuitSignal.NEUTRAL:
            assert self.breaker.failures == before.failures
        if before.state is BreakerState.CLOSED and verdict is CircuitSignal.SUCCESS:
            assert self.breaker == Breaker(policy=POLICY)

    @rule()
    def reset(self) -> None:
        self.breaker = Breaker(policy=POLICY)
        self.running = [False for _ in self.running]

    @invariant()
    def at_most_one_trial(self) -> None:
        assert sum(self.running) == (self.breaker.state is BreakerState.HALF_OPEN)

    @invariant()
    def closed_is_below_the_bound(self) -> None:
        if self.breaker.state is BreakerState.CLOSED:
            assert self.breaker.failures < POLICY.failures
            assert self.breaker.retry_in(self.now) == 0

    @invariant()
    def an_opening_ends(self) -> None:
        if self.breaker.state is BreakerState.OPEN:
            assert self.breaker.retry_in(self.now) <= POLICY.longest_cooldown_s + 1e-6


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
