"""When headless is given up by itself, and how it comes back: a value for one agent or CLI type.

Pure: no clock, no I/O. `now` is any clock that only goes forward, in seconds.

headless    runs are headless and watched; on evidence the guard falls to tmux
tmux        runs go to tmux; after a dwell one run at a time is tried headless, a canary;
            enough good canaries in a row bring headless back, a bad one begins a new dwell

The way out and the way back are different on purpose. It falls on a rate over many runs, and
not before headless has had `settle_s` since its last return; it returns on `canaries` good
runs in a row after a dwell, which doubles with each bad canary and each relapse. So however
a CLI behaves, the guard moves at most twice in `settle_s + dwell_s`.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from operator import itemgetter
from typing import Any

import msgspec

MOST_SEEN = 200

_when = itemgetter(0)


class Level(StrEnum):
    """See the module."""

    HEADLESS = "headless"
    TMUX = "tmux"


class Observation(StrEnum):
    """What a headless run said of the CLI. A run that says nothing of it is not observed."""

    SUCCESS = "success"
    FAILURE = "failure"
    HANG = "hang"
    DRIFT = "drift"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Rates are of the last `window` runs within `window_s`, and count from `least_runs` on.

    `error_budget` is the share of runs that may fail; at `burn` times that over `budget_s`,
    and from `budget_runs` runs on, headless is given up too. At most MOST_SEEN are looked at.
    Bad runs of fewer than `sources` agents say nothing: what ails one agent is its own matter.
    """

    window: int = 20
    window_s: float = 900.0
    least_runs: int = 5
    least_success: float = 0.8
    most_hangs: float = 0.2
    most_drift: float = 0.2
    error_budget: float = 0.005
    burn: float = 14.4
    budget_s: float = 3600.0
    budget_runs: int = 50
    settle_s: float = 60.0
    dwell_s: float = 300.0
    longest_dwell_s: float = 3600.0
    relapse_s: float = 3600.0
    canaries: int = 3
    sources: int = 1


class Evidence(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why the guard moved: a `kind` for machines, a sentence for people, the figures of it."""

    kind: str
    text: str
    figures: dict[str, Any] = {}


Seen = tuple[float, Observation, str]


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """`seen` are the runs (when, what, whose) of the longer window, `bad` how many of them failed.

    `falls` is how often in a row.
    """

    policy: Policy
    level: Level = Level.HEADLESS
    since: float | None = None
    seen: tuple[Seen, ...] = ()
    bad: int = 0
    falls: int = 0
    good: int = 0
    trying: bool = False
    retry_at: float = 0.0
    evidence: Evidence | None = None

    def observe(
        self, outcome: Observation, now: float, *, source: str = "", canary: bool = False
    ) -> Guard:
        """The guard after a headless run of agent `source`; one from before a fall adds nothing."""
        if self.level is Level.TMUX:
            return self._after_canary(outcome, now) if canary and self.trying else self
        oldest = now - max(self.policy.window_s, self.policy.budget_s)
        gone = max(bisect_right(self.seen, oldest, key=_when), len(self.seen) - MOST_SEEN + 1)
        after = msgspec.structs.replace(
            self,
            seen=(*self.seen[gone:], (now, outcome, source)),
            bad=self.bad - _bad(self.seen[:gone]) + (outcome is not Observation.SUCCESS),
        )
        evidence = after._evidence(now)
        return after if evidence is None else after._fall(evidence, now)

    def warn(self, evidence: Evidence, now: float) -> Guard:
        """The guard after evidence of another kind: an open circuit, a failing doctor."""
        return self if self.level is Level.TMUX else self._fall(evidence, now)

    def admits_canary(self, now: float) -> bool:
        """True if one run may be tried headless now."""
        return self.level is Level.TMUX and not self.trying and now >= self.retry_at

    def begin_canary(self) -> Guard:
        """The guard while one run is tried."""
        return msgspec.structs.replace(self, trying=True)

    def abandon_canary(self) -> Guard:
        """The guard when that run has shown nothing."""
        return msgspec.structs.replace(self, trying=False)

    def fallen_before(self, falls: int, dwelt: float, now: float, evidence: Evidence) -> Guard:
        """The guard as an earlier service left it: fallen, `dwelt` seconds ago."""
        left = max(0.0, self._dwell(falls) - dwelt)
        return msgspec.structs.replace(
            self,
            level=Level.TMUX,
            since=now - dwelt,
            falls=falls,
            retry_at=now + left,
            evidence=evidence,
        )

    # --- the rules ----------------------------------------------------------------------------

    def _after_canary(self, outcome: Observation, now: float) -> Guard:
        if outcome is not Observation.SUCCESS:
            falls = self.falls + 1
            return msgspec.structs.replace(
                self, trying=False, good=0, falls=falls, retry_at=now + self._dwell(falls)
            )
        good = self.good + 1
        if good < self.policy.canaries:
            return msgspec.structs.replace(self, trying=False, good=good)
        evidence = Evidence(
            kind="canaries",
            text=f"{good} runs in a row were tried headless and succeeded",
            figures={"canaries": good},
        )
        return Guard(policy=self.policy, since=now, falls=self.falls, evidence=evidence)

    def _fall(self, evidence: Evidence, now: float) -> Guard:
        if self.since is not None and now - self.since < self.policy.settle_s:
            return self
        relapse = self.since is not None and now - self.since < self.policy.relapse_s
        falls = self.falls + 1 if relapse else 0
        return Guard(
            policy=self.policy,
            level=Level.TMUX,
            since=now,
            falls=falls,
            retry_at=now + self._dwell(falls),
            evidence=evidence,
        )

    def _dwell(self, falls: int) -> float:
        # Bounded before it is raised to a power that no number holds.
        return min(self.policy.dwell_s * 2.0 ** min(falls, 32), self.policy.longest_dwell_s)

    def _evidence(self, now: float) -> Evidence | None:
        if not self.bad:
            return None
        policy = self.policy
        bad_ones = {whose for _, what, whose in self.seen if what is not Observation.SUCCESS}
        if len(bad_ones) < policy.sources:
            return None
        recent = [what for when, what, _ in self.seen if when > now - policy.window_s]
        recent = recent[-policy.window :]
        if len(recent) >= policy.least_runs:
            for kind, what, most in (
                ("hangs", Observation.HANG, policy.most_hangs),
                ("parse_drift", Observation.DRIFT, policy.most_drift),
            ):
                share = recent.count(what) / len(recent)
                if share > most:
                    return _rate(kind, recent.count(what), len(recent), f"more than {most:.0%}")
            good = recent.count(Observation.SUCCESS)
            if good / len(recent) < policy.least_success:
                wanted = f"fewer than {policy.least_success:.0%}"
                return _rate("success_rate", good, len(recent), wanted)
        longer = [what for when, what, _ in self.seen if when > now - policy.budget_s]
        bad = len(longer) - longer.count(Observation.SUCCESS)
        most = policy.burn * policy.error_budget
        if len(longer) >= policy.budget_runs and bad / len(longer) > most:
            return _rate("error_budget", bad, len(longer), f"more than {most:.1%}")
        return None


def _bad(seen: tuple[Seen, ...]) -> int:
    return sum(what is not Observation.SUCCESS for _, what, _ in seen)


_WHAT = {
    "hangs": "hung",
    "parse_drift": "printed what its schemas do not know",
    "success_rate": "succeeded",
    "error_budget": "failed",
}


def _rate(kind: str, count: int, runs: int, limit: str) -> Evidence:
    text = f"{count} of the last {runs} headless runs {_WHAT[kind]}: {limit}"
    return Evidence(kind=kind, text=text, figures={"count": count, "runs": runs})
