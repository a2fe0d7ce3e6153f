"""The guard of headless: examples, a model driven in every order, and a thousand scenarios."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fallback.guard import MOST_SEEN, Evidence, Guard, Level, Observation, Policy

POLICY = Policy(settle_s=60.0, dwell_s=300.0, longest_dwell_s=3600.0, relapse_s=3600.0, canaries=3)
OPEN = Evidence(kind="circuit_open", text="its circuit opened")


def seen(guard: Guard, *outcomes: Observation, now: float = 1000.0) -> Guard:
    for outcome in outcomes:
        guard = guard.observe(outcome, now)
    return guard


def fallen(now: float = 1000.0) -> Guard:
    return Guard(policy=POLICY).warn(OPEN, now)


def tried(guard: Guard, outcome: Observation, now: float) -> Guard:
    assert guard.admits_canary(now)
    return guard.begin_canary().observe(outcome, now, canary=True)


@pytest.mark.parametrize(
    ("outcomes", "kind"),
    [
        ([Observation.SUCCESS] * 7 + [Observation.FAILURE] * 2, "success_rate"),
        ([Observation.SUCCESS] * 8 + [Observation.HANG] * 3, "hangs"),
        ([Observation.SUCCESS] * 8 + [Observation.DRIFT] * 3, "parse_drift"),
        (
            [Observation.SUCCESS] * 40 + ([Observation.SUCCESS] * 4 + [Observation.FAILURE]) * 5,
            "error_budget",
        ),
    ],
)
def test_it_falls_on_evidence_and_says_which(outcomes: list[Observation], kind: str) -> None:
    before = seen(Guard(policy=POLICY), *outcomes[:-1])
    assert before.level is Level.HEADLESS
    after = seen(before, outcomes[-1])
    assert after.level is Level.TMUX
    assert after.evidence is not None
    assert after.evidence.kind == kind
    assert str(after.evidence.figures["count"]) in after.evidence.text


def test_a_rate_of_few_runs_says_nothing() -> None:
    assert seen(Guard(policy=POLICY), *[Observation.FAILURE] * 4).level is Level.HEADLESS
    assert seen(Guard(policy=POLICY), *[Observation.FAILURE] * 5).level is Level.TMUX


def test_old_runs_do_not_count_for_a_rate() -> None:
    guard = seen(Guard(policy=POLICY), *[Observation.FAILURE] * 4, now=0.0)
    assert seen(guard, Observation.FAILURE, now=901.0).level is Level.HEADLESS


def test_what_is_remembered_is_bounded() -> None:
    assert len(seen(Guard(policy=POLICY), *[Observation.SUCCESS] * 1000).seen) == MOST_SEEN


def test_the_bad_ones_among_them_are_counted() -> None:
    tolerant = Policy(least_success=0, most_hangs=1, most_drift=1, error_budget=1, burn=1)
    guard, chance, clock = Guard(policy=tolerant), random.Random(1), 0.0
    for _ in range(4 * MOST_SEEN):
        clock += chance.expovariate(1 / 20)
        guard = seen(guard, chance.choice(list(Observation)), now=clock)
        assert guard.bad == sum(what is not Observation.SUCCESS for _, what, _ in guard.seen)
    assert guard.level is Level.HEADLESS


def test_three_good_canaries_bring_it_back_and_not_before_the_dwell() -> None:
    guard = fallen(1000.0)
    assert not guard.admits_canary(1299.9)
    for _ in range(2):
        guard = tried(guard, Observation.SUCCESS, 1300.0)
        assert guard.level is Level.TMUX
    guard = tried(guard, Observation.SUCCESS, 1300.0)
    assert (guard.level, guard.since) == (Level.HEADLESS, 1300.0)
    assert guard.evidence is not None
    assert guard.evidence.kind == "canaries"


def test_one_canary_at_a_time() -> None:
    guard = fallen(0.0).begin_canary()
    assert not guard.admits_canary(10_000.0)
    assert guard.abandon_canary().admits_canary(10_000.0)
    assert guard.observe(Observation.SUCCESS, 300.0) is guard, "a run from before the fall"


def test_a_bad_canary_begins_a_longer_dwell_up_to_the_longest() -> None:
    guard, now, dwells = fallen(0.0), 300.0, []
    guard = tried(guard, Observation.SUCCESS, now)
    for _ in range(8):
        guard = tried(guard, Observation.HANG, now)
        assert guard.good == 0
        dwells.append(guard.retry_at - now)
        now = guard.retry_at
    assert dwells[:4] == [600.0, 1200.0, 2400.0, 3600.0]
    assert set(dwells[4:]) == {3600.0}


def test_a_relapse_dwells_longer_and_a_late_one_does_not() -> None:
    guard = fallen(0.0)
    for _ in range(3):
        guard = tried(guard, Observation.SUCCESS, 300.0)
    soon = guard.warn(OPEN, 400.0)
    assert soon.retry_at - 400.0 == 600.0
    late = guard.warn(OPEN, 300.0 + 3600.0)
    assert late.retry_at - 3900.0 == 300.0


def test_it_stays_headless_for_a_while_after_its_return() -> None:
    guard = fallen(0.0)
    for _ in range(3):
        guard = tried(guard, Observation.SUCCESS, 300.0)
    assert guard.warn(OPEN, 359.9) is guard
    assert guard.warn(OPEN, 360.0).level is Level.TMUX


def test_it_is_taken_up_after_a_restart() -> None:
    fresh = Guard(policy=POLICY)
    guard = fresh.fallen_before(1, 100.0, 5000.0, OPEN)
    assert (guard.level, guard.retry_at) == (Level.TMUX, 5500.0)
    assert fresh.fallen_before(0, 9999.0, 5000.0, OPEN).admits_canary(5000.0)


class Model(RuleBasedStateMachine):
    """Runs of every kind at every time; the guard moves only as the module says."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = Guard(policy=POLICY)
        self.now = 0.0
        self.canary = False
        self.good = 0
        self.moves: list[tuple[float, Level]] = []

    def take(self, after: Guard) -> None:
        if after.level is not self.guard.level:
            self.moves.append((self.now, after.level))
            if after.level is Level.HEADLESS:
                assert self.good == POLICY.canaries, "it came back by good canaries in a row"
                fell = self.moves[-2][0] if len(self.moves) > 1 else 0.0
                assert self.now - fell >= POLICY.dwell_s
            elif len(self.moves) > 1:
                assert self.now - self.moves[-2][0] >= POLICY.settle_s
            self.good = 0
        self.guard = after

    @rule(seconds=st.floats(0, 600))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(outcome=st.sampled_from(Observation), times=st.integers(1, 8))
    def runs_end(self, outcome: Observation, times: int) -> None:
        for _ in range(times):
            before = self.guard
            self.take(before.observe(outcome, self.now))
            if before.level is Level.TMUX:
                assert self.guard is before, "only a canary says anything now"

    @rule()
    def circuit_opens(self) -> None:
        self.take(self.guard.warn(OPEN, self.now))

    @precondition(lambda self: not self.canary)
    @rule()
    def prompt(self) -> None:
        if self.guard.admits_canary(self.now):
            assert self.guard.level is Level.TMUX
            self.guard = self.guard.begin_canary()
            self.canary = True

    @precondition(lambda self: self.canary)
    @rule(outcome=st.one_of(st.none(), st.sampled_from(Observation)))
    def canary_ends(self, outcome: Observation | None) -> None:
        self.canary = False
        if outcome is None:
            self.guard = self.guard.abandon_canary()
            return
        self.good = self.good + 1 if outcome is Observation.SUCCESS else 0
        self.take(self.guard.observe(outcome, self.now, canary=True))

    @invariant()
    def the_canary_is_the_only_one(self) -> None:
        assert self.guard.trying is self.canary
        if self.canary:
            assert not self.guard.admits_canary(self.now)

    @invariant()
    def it_does_not_flap(self) -> None:
        assert len(self.moves) <= 2 * (self.now / (POLICY.settle_s + POLICY.dwell_s)) + 2


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)


def test_no_flapping_over_a_thousand_scenarios() -> None:
    """A CLI that breaks and heals at random, for a day each: the guard moves seldom.

    Each hour has at most as many moves as the dwell and the settling time allow, and the
    guard is headless again once the CLI has been well for long enough.
    """
    for seed in range(1000):
        guard, moves = _day(random.Random(seed))
        gaps = [later - sooner for sooner, later in pairwise(moves)]
        assert all(gap >= POLICY.settle_s for gap in gaps), seed
        assert len(moves) <= 2 + 2 * 86_400 / (POLICY.settle_s + POLICY.dwell_s), seed
        assert guard.level is Level.HEADLESS, seed


def _day(chance: random.Random) -> tuple[Guard, list[float]]:
    """A day of runs, whose last hours are well: the guard at its end, and when it moved."""
    guard, now, moves = Guard(policy=POLICY), 0.0, list[float]()
    ill_until, next_illness = 0.0, chance.expovariate(1 / 7200)
    bad = chance.choice([Observation.HANG, Observation.FAILURE, Observation.DRIFT])
    while now < 86_400:
        now += chance.expovariate(1 / chance.choice([20, 120, 600]))
        if now > next_illness and now < 57_600:
            ill_until = now + chance.expovariate(1 / 1800)
            next_illness = ill_until + chance.expovariate(1 / 7200)
        share = chance.uniform(0.3, 1.0) if now < min(ill_until, 68_000) else 0.002
        outcome = bad if chance.random() < share else Observation.SUCCESS
        before = guard.level
        if guard.level is Level.HEADLESS:
            guard = guard.observe(outcome, now)
        elif guard.admits_canary(now):
            guard = guard.begin_canary().observe(outcome, now, canary=True)
        if guard.level is not before:
            moves.append(now)
    return guard, moves
