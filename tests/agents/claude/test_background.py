"""Claude Code's work behind a turn, line by line: what belongs to which turn, and what is left."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from agent_runner.agents.base import AgentOptions, Exit, Form, PermissionAnswer, Received
from agent_runner.agents.claude.protocol import ClaudeProtocol

Line = dict[str, Any]
INIT = {"type": "system", "subtype": "init", "session_id": "s-1", "permissionMode": "default"}
OWN = {"origin": {"kind": "task-notification"}}


class Cli:
    """A session, and for each line that it read the events with what they belong to."""

    def __init__(self) -> None:
        self.session = ClaudeProtocol(AgentOptions(cwd="/work"), Form.WARM, None)
        self.session.open()

    def prompt(self) -> None:
        self.session.prompt("hello")

    def read(self, *lines: Line) -> list[tuple[int | None, str]]:
        """(behind, event type) in order; signs of life are left out."""
        found = []
        for line in lines:
            received: Received | None = self.session.receive(json.dumps(line).encode())
            while received is not None:
                for event in received.events:
                    kind = msgspec.to_builtins(event)["type"]
                    if kind not in ("activity", "notice", "usage", "session.started"):
                        found.append((received.background_turn, kind))
                received = received.rest
        return found

    @property
    def left(self) -> list[str | None]:
        return [task.task_id or task.tool_call_id for task in self.session.background]


def text(said: str, parent: str | None = None) -> Line:
    content = [{"type": "text", "text": said}]
    return {
        "type": "assistant",
        "message": {"id": f"m-{said}", "model": "m", "content": content},
        "parent_tool_use_id": parent,
    }


def call(own: str, name: str = "Bash", parent: str | None = None, **given: Any) -> Line:
    content = [{"type": "tool_use", "id": own, "name": name, "input": given}]
    return {
        "type": "assistant",
        "message": {"id": f"m-{own}", "model": "m", "content": content},
        "parent_tool_use_id": parent,
    }


def answered(own: str, parent: str | None = None, detail: Any = None) -> Line:
    content = [{"type": "tool_result", "tool_use_id": own, "content": "ok"}]
    line = {"type": "user", "message": {"content": content}, "parent_tool_use_id": parent}
    return line if detail is None else {**line, "tool_use_result": detail}


def asks(own: str, tool: str, **fields: Any) -> Line:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {}, "tool_use_id": tool}
    return {"type": "control_request", "request_id": own, "request": {**request, **fields}}


def task(subtype: str, own: str = "t1", call_id: str = "helper", **fields: Any) -> Line:
    line = {"type": "system", "subtype": subtype, "task_id": own, "tool_use_id": call_id}
    return {**line, **fields}


def listed(*own: str) -> Line:
    tasks = [{"task_id": each, "description": each} for each in own]
    return {"type": "system", "subtype": "background_tasks_changed", "tasks": tasks}


def result(said: str = "done", **fields: Any) -> Line:
    return {"type": "result", "subtype": "success", "result": said, "num_turns": 1, **fields}


ASYNC = {"isAsync": True, "status": "async_launched"}
BEGUN = (
    call("helper", "Agent"),
    listed("t1"),
    task("task_started", is_backgrounded=True),
    answered("helper", detail=ASYNC),
)


@pytest.fixture
def cli() -> Cli:
    """One turn is over, and its helper is at work."""
    made = Cli()
    made.prompt()
    made.read(INIT, *BEGUN, text("started"), result())
    assert made.left == ["t1"]
    return made


def test_what_a_helper_does_after_the_answer_is_behind_it(cli: Cli) -> None:
    assert cli.session.resting
    assert cli.read(call("in", parent="helper"), asks("q", "in")) == [
        (1, "tool.started"),
        (1, "permission.requested"),
    ]
    cli.session.answer("q", PermissionAnswer(allow=True))
    assert cli.read(answered("in", "helper")) == [(1, "tool.completed")]
    assert cli.read(task("task_notification", status="completed"), listed()) == []
    assert cli.left == []
    told = cli.read(INIT, text("all is green"), result("all is green", **OWN))
    assert told == [(1, "message.completed"), (1, "turn.completed")]
    assert cli.session.resting


def test_while_its_turn_is_on_it_is_a_part_of_it() -> None:
    cli = Cli()
    cli.prompt()
    lines = [
        INIT,
        *BEGUN,
        call("in", parent="helper"),
        answered("in", "helper"),
        text("x", "helper"),
    ]
    assert {background_turn for background_turn, _ in cli.read(*lines)} == {None}


def test_only_what_belongs_to_the_turn_is_closed_with_it() -> None:
    cli = Cli()
    cli.prompt()
    cli.read(INIT, *BEGUN, call("in", parent="helper"), asks("behind", "in"))
    cli.read(call("own"), asks("of the turn", "own"))
    assert cli.read(result()) == [
        (None, "permission.resolved"),
        (None, "tool.completed"),
        (None, "turn.completed"),
    ]
    assert cli.session.outlives("behind")
    assert list(cli.session.tools) == ["in"]
    assert cli.session.answer("behind", PermissionAnswer(allow=True))
    assert cli.read(answered("in", "helper")) == [(1, "tool.completed")]


def test_a_helper_without_a_task_is_known_by_its_call() -> None:
    cli = Cli()
    cli.prompt()
    cli.read(INIT, call("helper", "Agent", run_in_background=True), answered("helper"))
    cli.read(call("in", parent="helper"), asks("q", "in"), result())
    assert cli.left == ["helper"]
    assert cli.session.outlives("q")
    cli.session.answer("q", PermissionAnswer(allow=True))
    cli.read(answered("in", "helper"))
    assert cli.read(text("it is done"), result("it is done", **OWN)) == [
        (1, "message.completed"),
        (1, "turn.completed"),
    ]
    assert cli.left == []


def test_a_helper_in_the_foreground_ends_with_its_call() -> None:
    """As in 2.1.197: the same lines tell of it."""
    cli = Cli()
    cli.prompt()
    lines = [INIT, call("helper", "Agent"), task("task_started"), call("in", parent="helper")]
    assert {
        background_turn for background_turn, _ in cli.read(*lines, answered("in", "helper"))
    } == {None}
    cli.read(task("task_notification", status="completed"), answered("helper"))
    assert cli.left == []
    assert cli.read(result()) == [(None, "turn.completed")]


def test_a_command_that_took_long_in_the_foreground_leaves_nothing() -> None:
    cli = Cli()
    cli.prompt()
    cli.read(INIT, call("c"), task("task_started", "b1", "c"), answered("c", detail={"stdout": ""}))
    assert cli.left == []
    cli.read(result())
    assert cli.session.resting


def test_a_broken_off_turn_takes_its_foreground_along() -> None:
    cli = Cli()
    cli.prompt()
    cli.read(INIT, call("helper", "Agent"), task("task_started"), call("in", parent="helper"))
    cli.session.interrupt()
    events = cli.read({"type": "result", "subtype": "error_during_execution", "is_error": True})
    assert events == [
        (None, "tool.completed"),
        (None, "tool.completed"),
        (None, "turn.completed"),
    ]
    assert cli.left == []
    # What the CLI says of it later begins nothing new.
    assert cli.read(text("late", "helper")) == [(None, "message.completed")]
    assert cli.left == []


def test_a_prompt_meanwhile_has_a_turn_of_its_own(cli: Cli) -> None:
    cli.prompt()
    assert cli.read(INIT, call("in", parent="helper"), text("second")) == [
        (1, "tool.started"),
        (None, "message.completed"),
    ]
    assert cli.read(result("second")) == [(None, "turn.completed")]
    assert list(cli.session.tools) == ["in"]


def test_a_prompt_after_a_notification_waits_for_the_own_turn(cli: Cli) -> None:
    cli.read(task("task_notification", status="completed"), listed())
    cli.prompt()
    own = cli.read(INIT, text("it is done"), result("it is done", **OWN))
    assert own == [(1, "message.completed"), (1, "turn.completed")]
    assert cli.read(INIT, text("second"), result("second")) == [
        (None, "message.completed"),
        (None, "turn.completed"),
    ]


def test_a_notification_in_a_turn_is_told_of_after_it(cli: Cli) -> None:
    cli.prompt()
    cli.read(INIT, task("task_notification", status="completed"), listed())
    assert cli.read(text("second"), result("second")) == [
        (None, "message.completed"),
        (None, "turn.completed"),
    ]
    cli.prompt()
    assert cli.read(INIT, text("done"), result("done", **OWN))[-1] == (2, "turn.completed")
    assert cli.read(INIT, text("third"), result("third"))[-1] == (None, "turn.completed")


def test_who_interrupts_is_told_of_no_end(cli: Cli) -> None:
    cli.prompt()
    cli.read(INIT)
    cli.session.interrupt()
    cli.read(task("task_notification", status="stopped"), listed())
    cli.read({"type": "result", "subtype": "error_during_execution", "is_error": True})
    cli.prompt()
    assert cli.read(INIT, text("second"), result("second")) == [
        (None, "message.completed"),
        (None, "turn.completed"),
    ]


def test_two_turns_in_one_line_go_to_each(cli: Cli) -> None:
    cli.prompt()
    cli.read(INIT, text("second"))
    glued = json.dumps(result("second")) + json.dumps(call("in", parent="helper"))
    received = cli.session.receive(glued.encode())
    assert received.background_turn is None
    assert [type(event).__name__ for event in received.events][-1] == "TurnCompleted"
    assert received.rest is not None
    assert received.rest.background_turn == 1
    assert [type(event).__name__ for event in received.rest.events] == ["ToolStarted"]


def test_all_that_is_open_is_closed_when_the_process_is_gone(cli: Cli) -> None:
    cli.read(call("in", parent="helper"), asks("q", "in"))
    ended = [msgspec.to_builtins(event)["type"] for event in cli.session.finish(Exit(code=0))]
    assert ended == ["permission.resolved", "tool.completed"]
    assert cli.left == ["t1"]


def test_what_is_open_at_the_end_of_the_process_belongs_to_whom_it_did(cli: Cli) -> None:
    cli.prompt()
    cli.read(INIT, call("in", parent="helper"), asks("q", "in"), call("own"), asks("p", "own"))
    ended: Received | None = cli.session.finish_background()
    found = []
    while ended is not None:
        found += [
            (ended.background_turn, msgspec.to_builtins(event)["type"]) for event in ended.events
        ]
        ended = ended.rest
    assert found == [(1, "permission.resolved"), (1, "tool.completed")]
    last = [msgspec.to_builtins(event)["type"] for event in cli.session.finish(Exit(code=1))]
    assert last == ["permission.resolved", "tool.completed", "turn.completed"]


def test_what_is_in_the_foreground_is_not_lost_in_the_background() -> None:
    cli = Cli()
    cli.prompt()
    cli.read(INIT, call("helper", "Agent"), task("task_started"))
    assert cli.left == []
    cli.session.finish_background()
    cli.session.finish(Exit(code=1))
    assert cli.left == []


def test_a_question_that_is_over_leaves_nothing(cli: Cli) -> None:
    cli.prompt()
    cli.read(INIT, call("own"), asks("p", "own"), asks("q", "own"))
    cli.read({"type": "control_cancel_request", "request_id": "q"}, result())
    assert cli.session._requests == {}


def test_what_is_to_be_told_is_so_until_it_is(cli: Cli) -> None:
    told = [cli.session.untold]
    for read in (
        [task("task_notification", status="completed"), listed()],
        [INIT, text("it is done")],
        [result("it is done", **OWN)],
    ):
        cli.read(*read)
        told.append(cli.session.untold)
    assert told == [False, True, True, False]


def test_a_stop_spares_what_the_turn_that_is_on_has_begun(cli: Cli) -> None:
    cli.prompt()
    cli.read(INIT, call("second", "Agent"), listed("t1", "t2"))
    cli.read(task("task_started", "t2", "second", is_backgrounded=True))
    stop = cli.session.stop_background()
    assert stop is not None
    assert [json.loads(line)["request"]["task_id"] for line in stop.splitlines()] == ["t1"]


def test_a_notification_that_nobody_tells_of_costs_one_turn_at_most(cli: Cli) -> None:
    cli.read(task("task_notification", status="completed"), listed())
    for _ in range(2):
        cli.prompt()
        told = cli.read(INIT, text("next"), result("next"))
        assert told[-1] == (None, "turn.completed")
    assert told[0] == (None, "message.completed")


def test_a_turn_that_turns_out_to_be_the_clis_own_is_not_counted(cli: Cli) -> None:
    cli.prompt()
    cli.read(INIT, result("by itself", **OWN))
    cli.read(INIT, *(dict(line) for line in BEGUN[:1]), answered("helper"), result("second"))
    cli.prompt()
    again = [call("third", "Agent", run_in_background=True), answered("third"), result("third")]
    cli.read(INIT, *again)
    assert cli.read(call("of the third", parent="third")) == [(3, "tool.started")]


def test_work_is_stopped_by_a_message_for_each_task(cli: Cli) -> None:
    stop = cli.session.stop_background()
    assert stop is not None
    assert json.loads(stop)["request"] == {"subtype": "stop_task", "task_id": "t1"}


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "system", "subtype": "background_tasks_changed", "tasks": [1, {"task_id": 2}, {}]},
        {"type": "system", "subtype": "background_tasks_changed"},
        {"type": "system", "subtype": "task_started"},
        task("task_updated", "unknown", "unknown", patch=3),
        task("task_updated", patch={"status": ["completed"]}),
        text("x", "nobody"),
        call("loop", parent="loop"),
    ],
)
def test_odd_lines_of_tasks_break_nothing(cli: Cli, odd: Line) -> None:
    cli.read(odd)
    cli.prompt()
    assert cli.read(INIT, text("second"), result("second"))[-1] == (None, "turn.completed")


# --- the permission mode -------------------------------------------------------------------


def plan() -> Cli:
    cli = Cli()
    cli.prompt()
    cli.read({**INIT, "permissionMode": "plan"}, call("p", "ExitPlanMode"))
    request = asks("q", "p", tool_name="ExitPlanMode")
    request["request"]["permission_suggestions"] = [
        {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
    ]
    cli.read(request)
    return cli


def modes(cli: Cli, *lines: Line) -> list[tuple[str, str | None]]:
    found = []
    for line in lines:
        for event in cli.session.receive(json.dumps(line).encode()).events:
            told = msgspec.to_builtins(event)
            if told["type"] == "permission.mode":
                found.append((told["mode"], told.get("before")))
    return found


def test_a_plan_that_is_agreed_to_changes_the_mode() -> None:
    cli = plan()
    cli.session.answer("q", PermissionAnswer(allow=True))
    assert modes(cli, answered("p")) == [("default", "plan")]
    assert modes(cli, result(), INIT) == []


def test_the_mode_that_goes_with_a_session_is_told() -> None:
    cli = plan()
    cli.session.answer("q", PermissionAnswer(allow=True, session=True))
    assert modes(cli, answered("p")) == [("acceptEdits", "plan")]


def test_the_word_of_the_cli_counts_and_is_told_once() -> None:
    cli = plan()
    cli.session.answer("q", PermissionAnswer(allow=True))
    status = {"type": "system", "subtype": "status", "permissionMode": "default"}
    assert modes(cli, status, answered("p"), status) == [("default", "plan")]


def test_a_plan_that_is_refused_changes_nothing() -> None:
    cli = plan()
    cli.session.answer("q", PermissionAnswer(allow=False))
    assert modes(cli, answered("p")) == []


def test_a_turn_in_another_mode_says_so(cli: Cli) -> None:
    cli.prompt()
    assert modes(cli, {**INIT, "permissionMode": "acceptEdits"}) == [("acceptEdits", "default")]
