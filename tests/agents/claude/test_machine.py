"""Claude Code's prompts, helpers and turns of its own in any order: each event has one owner."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent_runner.agents.base import AgentOptions, Exit, Form, PermissionAnswer, Received
from agent_runner.agents.claude.protocol import ClaudeProtocol
from tests.agents.claude.test_background import (
    ASYNC,
    INIT,
    OWN,
    answered,
    asks,
    call,
    listed,
    result,
    task,
    text,
)

Line = dict[str, Any]


class Helper:
    """A helper at work, and the number of the turn that began it."""

    def __init__(self, number: int, turn: int) -> None:
        self.task, self.call, self.turn = f"t{number}", f"helper-{number}", turn
        self.tool: str | None = None
        self.asked: str | None = None


class Turns(RuleBasedStateMachine):
    """A Claude Code that says what the real one may, and what is to come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.session = ClaudeProtocol(AgentOptions(cwd="/work"), Form.WARM, None)
        self.session.open()
        self.count = 0
        self.prompts = 0
        self.waiting = False
        self.turn: str | None = None
        self.helpers: list[Helper] = []
        self.untold = False
        self.own_tool: str | None = None
        self.started: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.settled: Counter[str] = Counter()

    # --- what the CLI prints, and what is expected of it ---------------------------------------

    def read(self, line: Line, owner: int | None) -> list[Any]:
        """Everything that the line leads to has this owner."""
        received: Received | None = self.session.receive(json.dumps(line).encode())
        found: list[Any] = []
        while received is not None:
            if received.events:
                assert received.background_turn == owner, line
            found += received.events
            received = received.rest
        self._count(found)
        return found

    def _count(self, events: list[Any]) -> None:
        for event in events:
            told = msgspec.to_builtins(event)
            if told["type"] == "tool.started":
                self.started[told["toolCallId"]] += 1
            elif told["type"] == "tool.completed":
                self.ended[told["toolCallId"]] += 1
            elif told["type"] == "permission.requested":
                self.asked[told["requestId"]] += 1
            elif told["type"] == "permission.resolved":
                self.settled[told["requestId"]] += 1

    @property
    def of_turn(self) -> int | None:
        """The owner of what the turn that is on says."""
        return None if self.turn == "prompt" else self.prompts_begun

    @property
    def prompts_begun(self) -> int:
        return self.prompts - (self.waiting and self.turn != "prompt")

    def of(self, helper: Helper) -> int | None:
        """The owner of what a helper does."""
        its_own = self.turn == "prompt" and helper.turn == self.prompts
        return None if its_own else helper.turn

    def new(self) -> int:
        self.count += 1
        return self.count

    def some(self, data: st.DataObject, helpers: list[Helper]) -> Helper:
        return data.draw(st.sampled_from(helpers))

    # --- turns ---------------------------------------------------------------------------------

    @precondition(lambda self: not self.waiting)
    @rule()
    def prompt(self) -> None:
        self.session.prompt("hello")
        self.prompts += 1
        self.waiting = True

    @precondition(lambda self: self.waiting and self.turn is None and not self.untold)
    @rule()
    def begin(self) -> None:
        self.turn = "prompt"
        self.read(INIT, None)

    @precondition(lambda self: self.turn == "prompt")
    @rule(good=st.booleans())
    def end(self, good: bool) -> None:
        fields = {} if good else {"subtype": "error_max_turns", "is_error": True}
        events = self.read(result(f"answer {self.new()}", **fields), None)
        (verdict,) = [e for e in events if type(e).__name__ == "TurnCompleted"]
        assert not verdict.unsolicited
        self.turn, self.waiting, self.own_tool = None, False, None

    @precondition(lambda self: self.turn is None and self.untold)
    @rule()
    def begin_own(self) -> None:
        self.turn, self.untold = "own", False
        self.read(INIT, self.prompts_begun)

    @precondition(lambda self: self.turn == "own")
    @rule()
    def end_own(self) -> None:
        events = self.read(result(f"told {self.new()}", **OWN), self.prompts_begun)
        (verdict,) = [e for e in events if type(e).__name__ == "TurnCompleted"]
        assert verdict.unsolicited
        self.turn, self.own_tool = None, None

    @precondition(lambda self: self.turn is not None)
    @rule()
    def say(self) -> None:
        self.read(text(f"words {self.new()}"), self.of_turn)

    @precondition(lambda self: self.turn is not None and self.own_tool is None)
    @rule(asking=st.booleans())
    def use(self, asking: bool) -> None:
        self.own_tool = f"tool-{self.new()}"
        self.read(call(self.own_tool), self.of_turn)
        if asking:
            self.read(asks(f"q-{self.own_tool}", self.own_tool), self.of_turn)

    @precondition(lambda self: self.own_tool is not None)
    @rule()
    def used(self) -> None:
        assert self.own_tool is not None
        self._decide(f"q-{self.own_tool}")
        self.read(answered(self.own_tool), self.of_turn)
        self.own_tool = None

    # --- helpers -------------------------------------------------------------------------------

    @precondition(lambda self: self.turn is not None and len(self.helpers) < 4)
    @rule()
    def launch(self) -> None:
        helper = Helper(self.new(), self.prompts_begun)
        owner = self.of_turn
        self.helpers.append(helper)
        self.read(call(helper.call, "Agent"), owner)
        self.read(listed(*(each.task for each in self.helpers)), owner)
        self.read(task("task_started", helper.task, helper.call, is_backgrounded=True), owner)
        self.read(answered(helper.call, detail=ASYNC), owner)

    @precondition(lambda self: any(h.tool is None for h in self.helpers))
    @rule(data=st.data(), asking=st.booleans())
    def helper_uses(self, data: st.DataObject, asking: bool) -> None:
        helper = self.some(data, [h for h in self.helpers if h.tool is None])
        helper.tool = f"in-{self.new()}"
        self.read(call(helper.tool, parent=helper.call), self.of(helper))
        if asking:
            helper.asked = f"q-{helper.tool}"
            self.read(asks(helper.asked, helper.tool, agent_id=helper.task), self.of(helper))

    @precondition(lambda self: any(h.tool is not None for h in self.helpers))
    @rule(data=st.data())
    def helper_used(self, data: st.DataObject) -> None:
        self._helper_done(self.some(data, [h for h in self.helpers if h.tool is not None]))

    def _helper_done(self, helper: Helper) -> None:
        assert helper.tool is not None
        if helper.asked is not None:
            self._decide(helper.asked)
        self.read(answered(helper.tool, helper.call), self.of(helper))
        helper.tool = helper.asked = None

    @precondition(lambda self: self.helpers)
    @rule(data=st.data())
    def helper_says(self, data: st.DataObject) -> None:
        helper = self.some(data, self.helpers)
        self.read(text(f"words {self.new()}", helper.call), self.of(helper))

    @precondition(lambda self: self.helpers)
    @rule(data=st.data(), withdrawn=st.booleans())
    def helper_ends(self, data: st.DataObject, withdrawn: bool) -> None:
        helper = self.some(data, self.helpers)
        if helper.asked is not None and withdrawn:
            line = {"type": "control_cancel_request", "request_id": helper.asked}
            self.read(line, self.of(helper))
            helper.asked = None
        if helper.tool is not None:
            self._helper_done(helper)
        self.helpers.remove(helper)
        line = task("task_notification", helper.task, helper.call, status="completed")
        received = self.session.receive(json.dumps(line).encode())
        assert received.background_turn == self.of(helper)
        self.untold = True
        self.session.receive(json.dumps(listed(*(h.task for h in self.helpers))).encode())

    def _decide(self, request: str) -> None:
        """Allow what is asked, unless it was settled meanwhile."""
        if self.asked[request] > self.settled[request]:
            assert self.session.answer(request, PermissionAnswer(allow=True))
            self.settled[request] += 1

    # --- what holds ----------------------------------------------------------------------------

    @invariant()
    def what_is_left_is_what_works(self) -> None:
        left = [each.task_id for each in self.session.background]
        assert left == [helper.task for helper in self.helpers]
        assert self.session.resting == (self.turn is None and not self.waiting)

    @invariant()
    def nothing_ends_twice(self) -> None:
        assert not self.ended - self.started
        assert not self.settled - self.asked
        assert max(self.started.values(), default=1) == 1
        open_ = {h.tool for h in self.helpers if h.tool} | ({self.own_tool} - {None})
        assert set(self.started - self.ended) == open_

    def teardown(self) -> None:
        received: Received | None = self.session.finish_background()
        while received is not None:
            self._count(received.events)
            received = received.rest
        last = self.session.finish(Exit(code=0))
        self._count(last)
        ends = [event for event in last if type(event).__name__ == "TurnCompleted"]
        assert len(ends) == self.waiting
        assert self.started == self.ended
        assert self.asked == self.settled


TestTurns = Turns.TestCase
TestTurns.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
