"""The next deadline, from signs of life alone. No clock, no process."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.events.permission import PermissionRequested
from agent_runner.runners.questions import Questions
from agent_runner.runners.watchdog import Watchdog
from agent_runner.settings import Timeouts

LIMITS = Timeouts.model_validate(
    {"start_ms": 10_000, "no_output_ms": 20_000, "heartbeat_grace_ms": 5_000, "command_ms": 60_000}
)
HOLD_MS = 40_000


@dataclass
class Signs:
    last_output: float | None = None
    last_heartbeat: float | None = None
    questions: Questions = field(default_factory=Questions)


class Waiting(Questions):
    """One question, open since `began`, or answered after `seconds`."""

    def __init__(self, began: float | None, seconds: float = 0.0, answered_at: float = 0.0) -> None:
        super().__init__()
        self.began, self.seconds, self.answered_at = began, seconds, answered_at

    @property
    def since(self) -> float | None:
        return self.began

    @property
    def waited(self) -> float:
        return self.seconds


def watch(signs: Signs, limits: Timeouts = LIMITS, *, cold: bool) -> Watchdog:
    return Watchdog(signs, limits, 100.0, hold_ms=HOLD_MS, cold=cold)


@pytest.mark.parametrize(
    ("cold", "signs", "name", "due"),
    [
        (True, Signs(), "start", 110.0),
        (False, Signs(), "no_output", 120.0),
        (True, Signs(last_output=105.0), "no_output", 125.0),
        (True, Signs(last_output=150.0), "command", 160.0),
        (True, Signs(last_heartbeat=105.0), "start", 110.0),
        (False, Signs(last_heartbeat=110.0), "heartbeat", 115.0),
        (False, Signs(last_output=112.0, last_heartbeat=110.0), "heartbeat", 115.0),
        (False, Signs(last_heartbeat=158.0), "command", 160.0),
        (True, Signs(questions=Waiting(130.0)), "hold", 170.0),
        (True, Signs(150.0, questions=Waiting(None, 20.0)), "no_output", 170.0),
        (True, Signs(178.0, questions=Waiting(None, 20.0)), "command", 180.0),
    ],
)
def test_the_next_deadline(cold: bool, signs: Signs, name: str, due: float) -> None:
    deadline = watch(signs, cold=cold).next()
    assert (deadline.name, deadline.due) == (name, due)


def test_silence_begins_anew_after_an_answer_and_when_it_is_forgiven() -> None:
    signs = Signs(last_output=101.0)
    watchdog = watch(signs, cold=True)
    signs.questions = Waiting(110.0)
    assert watchdog.next().name == "hold"
    signs.questions = Waiting(None, answered_at=118.0)
    assert (watchdog.next().name, watchdog.next().due) == ("no_output", 138.0)
    watchdog.forgive(130.0)
    assert watchdog.next().due == 150.0


@pytest.mark.anyio
async def test_an_answer_is_noted_though_nobody_looked_meanwhile() -> None:
    questions = Questions()
    questions.begin_turn()
    asked = PermissionRequested(request_id="1", name="Bash", input={"command": "make"})
    questions.asked(asked)
    begun = anyio.current_time()
    questions.settled("1")
    signs = Signs(last_output=begun - 19.0, questions=questions)
    deadline = Watchdog(signs, LIMITS, begun - 19.0, hold_ms=HOLD_MS, cold=True).next()
    assert deadline.name == "no_output"
    assert deadline.due >= begun + 20.0


def test_a_first_output_may_bring_a_nearer_deadline() -> None:
    limits = LIMITS.model_copy(update={"start_ms": 60_000, "no_output_ms": 300})
    signs = Signs()
    watchdog = watch(signs, limits, cold=True)
    assert watchdog.wait(watchdog.next(), 100.0) <= 0.3


moments = st.one_of(st.none(), st.floats(100, 160))


@given(moments, moments, st.floats(0, 1000), st.booleans())
def test_nothing_but_waiting_for_an_answer_extends_the_whole_time(
    output: float | None, heartbeat: float | None, waited: float, cold: bool
) -> None:
    signs = Signs(output, heartbeat, Waiting(None, waited))
    assert watch(signs, cold=cold).next().due <= 160.0 + waited
