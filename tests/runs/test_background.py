"""Work that outlives its turn: questions, answers, prompts meanwhile, ends and losses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from structlog.testing import capture_logs

from agent_runner import wire
from agent_runner.api.context import Context
from agent_runner.errors import ConflictError
from agent_runner.runners import cli_process as live
from agent_runner.runs.active import ActiveRun
from agent_runner.runs.stop import StopReason
from conversation_store.errors import StoreError
from conversation_store.records import ApprovalRecord, RunRecord
from conversation_store.states import ApprovalState
from tests.agents.claude.test_background import BEGUN, INIT, call, listed, result, task
from tests.conftest import Script, Serving
from tests.helpers.asking import approve, ran, reject
from tests.runs.test_service import add_agent, ended, events_of, start, until

pytestmark = pytest.mark.anyio

COMMAND = {"command": "make"}
FORMS = pytest.mark.parametrize("warm", [8, 0], ids=["warm", "once"])


def lines(*given: dict[str, Any]) -> Script:
    """What Claude Code prints, as it is."""
    return [{"line": json.dumps(line)} for line in given]


def helper(*steps: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"background": list(steps), **given}


async def asked(context: Context) -> ApprovalRecord:
    """The one approval that waits."""
    with anyio.fail_after(20):
        while not (
            found := await context.store.approvals.list(state=ApprovalState.PENDING, limit=10)
        ):
            await anyio.sleep(0.005)
    (approval,) = found
    return approval


async def behind(context: Context, active: ActiveRun, count: int = 1) -> list[RunRecord]:
    """The runs that a run has led to, when they are over."""
    with anyio.fail_after(20):
        while len(found := await context.runs.background.ended(active.run_id)) < count:
            await anyio.sleep(0.005)
    assert len(found) == count
    return [await context.store.runs.get(run_id) for run_id in found]


async def payloads(context: Context, run_id: str) -> list[dict[str, Any]]:
    return [json.loads(event.payload) for event in await events_of(context, run_id)]


async def of_conversation(context: Context, active: ActiveRun) -> list[dict[str, Any]]:
    pages = context.store.events.of_conversation(active.run.conversation_id, after=0, until=2**62)
    return [
        {**json.loads(event.payload), "run": event.run_id} async for page in pages for event in page
    ]


async def said(context: Context, active: ActiveRun) -> list[tuple[str, str]]:
    turns = await context.store.conversations.turns(active.run.conversation_id, after=0, limit=99)
    return [(turn.role, turn.content) for turn in turns]


async def when(condition: Callable[[], Any]) -> None:
    with anyio.fail_after(20):
        while not condition():
            await anyio.sleep(0.005)


@FORMS
async def test_what_comes_after_the_answer_is_a_run_of_its_own(
    serving: Serving, tmp_path: Path, warm: int
) -> None:
    gate, log = tmp_path / "gate", tmp_path / "log"
    script = [
        helper(
            {"wait": str(gate)}, {"ask": "Bash", "input": COMMAND, "log": str(log)}, told="Green."
        ),
        {"text": "It works on."},
    ]
    async with serving(warm_processes=warm) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        outcome = await ended(active)
        assert (outcome.state, outcome.answer) == ("succeeded", "It works on.")
        gate.touch()
        approval = await asked(context)
        assert (approval.tool, approval.input) == ("Bash", COMMAND)
        assert approval.run_id != active.run_id
        run = await context.store.runs.get(approval.run_id)
        assert (run.state, run.trigger, run.caused_by) == (
            "waiting_approval",
            "background",
            active.run_id,
        )
        await context.approvals.decide(approval.approval_id, approve(approval))
        (run,) = await behind(context, active)
        assert run.run_id == approval.run_id
        assert (run.state, run.form) == ("succeeded", outcome.form)
        assert (run.usage, run.cost_usd) == ({"inputTokens": 3, "outputTokens": 5}, 0.001)
        assert ran(log) == [COMMAND]
        events = await payloads(context, run.run_id)
        types = [event["type"] for event in events]
        assert types[0] == "run.started"
        assert (events[0]["trigger"], events[0]["causedBy"]) == ("background", active.run_id)
        assert types[-1] == "run.finished"
        assert types.count("run.finished") == 1
        (completed,) = [e for e in events if e["type"] == "tool.completed"]
        assert completed["status"] == "completed"
        assert await said(context, active) == [
            ("user", json.dumps(script)),
            ("assistant", "It works on."),
            ("assistant", "Green."),
        ]
        assert [e for e in await of_conversation(context, active) if e["run"] is None] == []
        assert (await context.maintenance.check()).findings == []


@FORMS
async def test_what_ends_before_the_answer_is_told_of_after_it(
    serving: Serving, tmp_path: Path, warm: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is left the time that its turn takes: nothing is over before."""
    monkeypatch.setattr(live, "EXIT_GRACE_S", 0.0)
    gate = tmp_path / "gate"
    own = {"origin": {"kind": "task-notification"}}
    over = task("task_notification", status="completed")
    script = [
        *lines(*BEGUN, over, listed()),
        {"text": "Started."},
        {"result": True},
        {"wait": str(gate)},
        *lines(INIT, result("By itself.", **own)),
    ]
    async with serving(warm_processes=warm) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        assert (await ended(active)).answer == "Started."
        (process,) = context.runner.living
        assert process.background.working
        await anyio.sleep(0.1)
        assert process.alive
        gate.touch()
        (run,) = await behind(context, active)
        assert run.state == "succeeded"
        assert (await said(context, active))[-1] == ("assistant", "By itself.")


@FORMS
async def test_a_question_that_is_open_at_the_answer_stays_open(
    serving: Serving, tmp_path: Path, warm: int
) -> None:
    log, open_ = tmp_path / "log", tmp_path / "open"
    script = [
        helper({"ask": "Bash", "input": COMMAND, "log": str(log)}, silent=True, told="Done now."),
        {"wait": str(open_)},
        {"text": "Started."},
    ]
    async with serving(warm_processes=warm) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        approval = await asked(context)
        assert approval.run_id == active.run_id
        open_.touch()
        assert (await ended(active)).state == "succeeded"
        approval = await context.store.approvals.get(approval.approval_id)
        assert approval.state is ApprovalState.PENDING
        assert approval.run_id != active.run_id
        await context.approvals.decide(approval.approval_id, approve(approval))
        (run,) = await behind(context, active)
        assert (run.run_id, run.state) == (approval.run_id, "succeeded")
        assert log.exists()
        types = [event["type"] for event in await payloads(context, run.run_id)]
        assert types[:2] == ["run.started", "approval.moved"]
        assert "permission.resolved" in types
        assert (await said(context, active))[-1] == ("assistant", "Done now.")
        events = await of_conversation(context, active)
        ends = [
            e
            for e in events
            if e["type"] == "tool.completed" and e["toolCallId"] == approval.tool_call_id
        ]
        assert [end["status"] for end in ends] == ["completed"]


async def test_a_decision_in_the_moment_of_the_answer_counts_once(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, open_ = tmp_path / "log", tmp_path / "open"
    script = [
        helper({"ask": "Bash", "input": COMMAND, "log": str(log)}, told="Done now."),
        {"wait": str(open_)},
        {"text": "Started."},
    ]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        approval = await asked(context)
        move_over = context.approvals.move_over

        async def and_decide(*args: Any) -> None:
            await move_over(*args)
            await context.approvals.decide(approval.approval_id, approve(approval))

        monkeypatch.setattr(context.approvals, "move_over", and_decide)
        open_.touch()
        assert (await ended(active)).state == "succeeded"
        (run,) = await behind(context, active)
        assert run.state == "succeeded"
        assert ran(log) == [COMMAND]
        assert active.process is not None
        with anyio.fail_after(5):
            await active.process.background.rest()
        assert active.process.background.questions.all() == []
        assert [words for _, words in await said(context, active)][1:] == ["Started.", "Done now."]


async def test_the_policy_is_asked_before_a_person(serving: Serving, tmp_path: Path) -> None:
    gate, log = tmp_path / "gate", tmp_path / "log"
    script = [helper({"wait": str(gate)}, {"ask": "Bash", "input": COMMAND, "log": str(log)})]
    async with serving() as context:
        agent = await add_agent(context, tmp_path, permissions="full")
        active = await start(context, agent, script)
        await ended(active)
        gate.touch()
        (run,) = await behind(context, active)
        assert run.state == "succeeded"
        assert log.exists()
        events = await payloads(context, run.run_id)
        (resolved,) = [event for event in events if event["type"] == "permission.resolved"]
        assert (resolved["decision"], resolved["decidedBy"]) == ("allow", "policy")


async def test_a_rejected_helper_goes_on_without(serving: Serving, tmp_path: Path) -> None:
    script = [helper({"ask": "Bash", "input": COMMAND}, told="Without it.")]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        approval = await asked(context)
        await context.approvals.decide(approval.approval_id, reject(message="no"))
        runs = await behind(context, active)
        assert [run.state for run in runs] == ["succeeded"]
        assert (await said(context, active))[-1] == ("assistant", "Without it.")


@FORMS
async def test_a_prompt_meanwhile_neither_loses_it_nor_is_lost(
    serving: Serving, tmp_path: Path, warm: int
) -> None:
    gate = tmp_path / "gate"
    script = [
        helper({"wait": str(gate)}, {"tool": "Bash", "input": COMMAND}, told="All green."),
        {"text": "First."},
    ]
    async with serving(warm_processes=warm) as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, script)
        await ended(first)
        second = await start(context, agent, [{"touch": str(tmp_path / "in")}, {"text": "Second."}])
        outcome = await ended(second)
        assert (outcome.state, outcome.answer) == ("succeeded", "Second.")
        gate.touch()
        (run,) = await behind(context, first)
        assert run.state == "succeeded"
        assert [text for role, text in await said(context, first) if role == "assistant"][1:] == [
            "Second.",
            "All green.",
        ]
        of_second = [event["type"] for event in await payloads(context, second.run_id)]
        assert "tool.started" not in of_second
        assert await context.runs.background.ended(second.run_id) == []
        starts = [e for e in await of_conversation(context, first) if e["type"] == "run.started"]
        assert len({start["pid"] for start in starts}) == 1


async def test_a_helper_works_during_another_prompts_turn(serving: Serving, tmp_path: Path) -> None:
    gate, gone = tmp_path / "gate", tmp_path / "gone"
    script = [
        helper(
            {"wait": str(gate)}, {"tool": "Read", "output": "x"}, {"touch": str(gone)}, told="Seen."
        ),
        {"text": "First."},
    ]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, script)
        await ended(first)
        second = await start(
            context, agent, [{"touch": str(gate)}, {"wait": str(gone)}, {"text": "Second."}]
        )
        assert (await ended(second)).answer == "Second."
        (run,) = await behind(context, first)
        assert [
            e["name"] for e in await payloads(context, run.run_id) if e["type"] == "tool.started"
        ] == ["Read"]
        texts = [text for role, text in await said(context, first) if role == "assistant"]
        assert sorted(texts) == ["First.", "Second.", "Seen."]
        of_second = [event["type"] for event in await payloads(context, second.run_id)]
        assert "tool.started" not in of_second


async def test_two_helpers_one_after_the_other(serving: Serving, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    script = [
        helper({"wait": str(one)}, {"tool": "Read"}, told="One."),
        helper({"wait": str(two)}, {"ask": "Bash", "input": COMMAND}, told="Two."),
    ]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        two.touch()
        approval = await asked(context)
        one.touch()
        await behind_over(context, active, "One.")
        approval = await context.store.approvals.get(approval.approval_id)
        assert approval.state is ApprovalState.PENDING
        await context.approvals.decide(approval.approval_id, approve(approval))
        runs = await behind(context, active, 2)
        assert [run.state for run in runs] == ["succeeded", "succeeded"]
        assert [text for _, text in await said(context, active)][-2:] == ["One.", "Two."]


async def behind_over(context: Context, active: ActiveRun, text: str) -> None:
    with anyio.fail_after(20):
        while text not in [said_there for _, said_there in await said(context, active)]:
            await anyio.sleep(0.005)


async def test_work_left_to_do_is_not_idle(serving: Serving, tmp_path: Path) -> None:
    gate, closed = tmp_path / "gate", "session.closed"
    script = [helper({"wait": str(gate)}, told="At last.")]
    async with serving(session_idle_ms=50, session_warning_ms=1) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        (kept,) = context.runner.pool.processes.values()
        await anyio.sleep(0.3)
        assert kept.process.alive
        assert kept.reason == "lifetime_closed"
        gate.touch()
        await behind(context, active)
        with anyio.fail_after(20):
            while (events := await of_conversation(context, active))[-1]["type"] != closed:
                await anyio.sleep(0.005)
        assert events[-1]["reason"] == "idle_closed"
        assert not [event for event in events if event["type"] == "background.lost"]


async def test_work_that_begins_by_itself_ends_in_idleness_again(
    serving: Serving, tmp_path: Path
) -> None:
    begin, end = tmp_path / "begin", tmp_path / "end"
    own = {"origin": {"kind": "task-notification"}}
    script: Script = [
        {"text": "Started."},
        {"result": True},
        {"wait": str(begin)},
        *lines(INIT),
        {"wait": str(end)},
        *lines(result("By itself.", **own)),
        {"hang": True},
    ]
    async with serving(session_idle_ms=1000, session_warning_ms=1) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        (process,) = context.runner.living
        begin.touch()
        await when(lambda: process.background.working)
        await anyio.sleep(1.2)
        assert process.alive
        end.touch()
        await when(lambda: not process.alive)
        (run,) = await behind(context, active)
        assert run.state == "succeeded"


async def test_the_answer_comes_before_what_it_led_to(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long its run takes to end."""
    own = {"origin": {"kind": "task-notification"}}
    script = [
        *lines(*BEGUN),
        {"text": "Started."},
        {"result": True},
        *lines(task("task_notification", status="completed"), listed(), INIT),
        *lines(result("By itself.", **own)),
    ]
    async with serving() as context:
        give, finish, later = context.runner.pool.give, context.store.runs.finish, anyio.Event()
        agent = await add_agent(context, tmp_path)

        async def slowly(*given: Any) -> None:
            with anyio.move_on_after(1):
                await later.wait()
            await give(*given)

        async def and_tell(run_id: str, *args: Any, **given: Any) -> Any:
            ended = await finish(run_id, *args, **given)
            later.set()
            return ended

        monkeypatch.setattr(context.runner.pool, "give", slowly)
        monkeypatch.setattr(context.store.runs, "finish", and_tell)
        active = await start(context, agent, script)
        await ended(active)
        await behind(context, active)
        assert [words for _, words in await said(context, active)][1:] == ["Started.", "By itself."]


@pytest.mark.parametrize("lost", ["the move", "the run"])
async def test_a_question_that_cannot_be_kept_is_denied(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """The answer is a success all the same, and the helper goes on."""
    log, open_ = tmp_path / "log", tmp_path / "open"
    script = [
        helper({"ask": "Bash", "input": COMMAND, "log": str(log)}, told="Without it."),
        {"wait": str(open_)},
        {"text": "Started."},
    ]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        approval = await asked(context)

        begin = context.store.runs.begin_background
        failed: list[str] = []

        async def fail(*given: Any, **more: Any) -> Any:
            if failed:
                return await begin(*given, **more)
            failed.append(lost)
            raise StoreError("database_failed", "not now")

        if lost == "the move":
            monkeypatch.setattr(context.store.approvals, "move_over", fail)
        else:
            monkeypatch.setattr(context.store.runs, "begin_background", fail)
        open_.touch()
        assert (await ended(active)).state == "succeeded"
        (run,) = await behind(context, active)
        assert run.state == "succeeded"
        assert not log.exists()
        assert (await context.store.approvals.get(approval.approval_id)).state == "voided"
        assert (await said(context, active))[-1] == ("assistant", "Without it.")


async def test_an_answer_to_what_was_just_taken_back_is_not_sent(
    serving: Serving, tmp_path: Path
) -> None:
    """The session has read that, and the run was not told of it yet."""
    script: Script = [helper({"ask": "Bash", "input": COMMAND}), {"text": "Started."}]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        approval = await asked(context)
        (process,) = context.runner.living
        process._protocol.receive(
            json.dumps(
                {"type": "control_cancel_request", "request_id": approval.request_id}
            ).encode()
        )
        decided = await context.approvals.decide(approval.approval_id, approve(approval))
        assert (decided.state, decided.delivery) == ("approved", "waiting")


@pytest.mark.parametrize("what", ["session", "agent", "conversation", "options"])
async def test_who_ends_what_works_on_is_told_of_the_loss(
    serving: Serving, tmp_path: Path, what: str
) -> None:
    script = [helper({"wait": str(tmp_path / "never")}, title="the survey"), {"text": "Started."}]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        (process,) = context.runner.living
        with capture_logs() as logs:
            if what == "session":
                await context.runs.end_session(agent.agent_id)
            elif what == "agent":
                await context.runs.delete_agent(agent.agent_id)
            elif what == "conversation":
                await context.runs.delete_conversation(active.run.conversation_id)
            else:
                options = {**agent.options, "systemPrompt": "Be brief."}
                await context.store.agents.change(
                    agent.agent_id, comm_mode=agent.comm_mode, options=options, now=wire.now()
                )
                await ended(await start(context, agent, [{"text": "Anew."}]))
        assert not process.alive
        assert [line for line in logs if line["log_level"] == "error"] == []
        if what == "conversation":
            return
        lost = [e for e in await of_conversation(context, active) if e["type"] == "background.lost"]
        reason = "replaced" if what == "options" else "session_ended"
        assert [(e["reason"], e["tasks"][0]["title"]) for e in lost] == [(reason, "the survey")]


async def test_a_shutdown_ends_what_a_helper_had_begun(serving: Serving, tmp_path: Path) -> None:
    """In a run of its own, which is over before the service is."""
    script: Script = [
        *lines(*BEGUN, call("in", parent="helper")),
        {"text": "Started."},
        {"result": True},
        {"hang": True},
    ]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        store = context.store
        finish = store.runs.finish

        async def slowly(*args: Any, **given: Any) -> Any:
            await anyio.sleep(0.2)
            return await finish(*args, **given)

        store.runs.finish = slowly  # type: ignore[method-assign]
    async with serving() as context:
        assert context.reconciliation.runs_interrupted == 0
        (run,) = await behind(context, active)
        assert (run.state, run.code) == ("interrupted", "background_lost")
        told = await payloads(context, run.run_id)
        assert [e["toolCallId"] for e in told if e["type"] == "tool.completed"] == ["in"]


async def test_a_cancel_leaves_no_question_without_an_answer(
    serving: Serving, tmp_path: Path
) -> None:
    """A prompt that runs on the process keeps it; what asked there is denied."""
    gate, log = tmp_path / "gate", tmp_path / "log"
    script = [
        helper({"ask": "Bash", "input": COMMAND, "log": str(log)}, silent=True, told="Without."),
        {"text": "Started."},
    ]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        approval = await asked(context)
        second = await start(context, agent, [{"wait": str(gate)}, {"text": "Second."}])
        await when(lambda: second.process is not None)
        await context.runs.cancel(agent.agent_id, approval.run_id)
        with anyio.fail_after(20):
            while (await context.store.runs.get(approval.run_id)).state != "cancelled":
                await anyio.sleep(0.005)
        gate.touch()
        assert (await ended(second)).answer == "Second."
        await behind_over(context, active, "Without.")
        assert not log.exists()
        assert (await context.store.approvals.get(approval.approval_id)).state == "voided"


async def test_a_one_shot_process_leaves_when_its_work_is_over(
    serving: Serving, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with serving(warm_processes=0) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, [helper({"wait": str(gate)}, told="Late.")])
        assert (await ended(active)).state == "succeeded"
        (live,) = context.runner.living
        gate.touch()
        await behind(context, active)
        await when(lambda: not live.alive)
        assert live.exit_code == 0
        assert context.runner.pool.processes == {}


@pytest.mark.parametrize(
    ("warm", "limits", "reason"),
    [
        (8, {"session_lifetime_ms": 300, "session_warning_ms": 1}, "lifetime_closed"),
        (0, {"command_ms": 1500}, "lifetime_closed"),
    ],
    ids=["lifetime", "one-shot"],
)
async def test_what_is_lost_with_the_process_is_named(
    serving: Serving, tmp_path: Path, warm: int, limits: dict[str, int], reason: str
) -> None:
    script = [helper({"tool": "Read"}, {"wait": str(tmp_path / "never")}, title="the survey")]
    async with serving(warm_processes=warm, **limits) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, [*script, {"text": "Begun."}])
        await ended(active)
        with anyio.fail_after(20):
            while not (
                lost := [
                    event
                    for event in await of_conversation(context, active)
                    if event["type"] == "background.lost"
                ]
            ):
                await anyio.sleep(0.01)
        (event,) = lost
        assert event["reason"] == reason
        assert [task["title"] for task in event["tasks"]] == ["the survey"]
        for run_id in await context.runs.background.ended(active.run_id):
            run = await context.store.runs.get(run_id)
            assert (run.state, run.code) == ("interrupted", "background_lost")


async def test_a_shutdown_names_what_is_lost(serving: Serving, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = [helper({"wait": str(gate)}, {"ask": "Bash", "input": COMMAND}, title="the survey")]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        gate.touch()
        approval = await asked(context)
    async with serving() as context:
        events = await of_conversation(context, active)
        (lost,) = [event for event in events if event["type"] == "background.lost"]
        assert lost["reason"] == "shutdown"
        assert lost["run"] == approval.run_id
        run = await context.store.runs.get(approval.run_id)
        assert run.state == "interrupted"
        approval = await context.store.approvals.get(approval.approval_id)
        assert approval.state is ApprovalState.VOIDED


async def test_a_shutdown_with_silent_work_names_it_too(serving: Serving, tmp_path: Path) -> None:
    script = [helper({"wait": str(tmp_path / "never")}, title="the server")]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
    async with serving() as context:
        events = await of_conversation(context, active)
        (lost,) = [event for event in events if event["type"] == "background.lost"]
        assert (lost["reason"], lost["run"]) == ("shutdown", None)
        assert not [event for event in events if event.get("code") == "late_output"]


async def test_a_cancel_stops_the_work(serving: Serving, tmp_path: Path) -> None:
    gate, never = tmp_path / "gate", tmp_path / "never"
    script = [helper({"wait": str(gate)}, {"tool": "Read"}, {"wait": str(never)}, told="Stopped.")]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        gate.touch()
        await when(lambda: context.runs.active.background_of_agent(agent.agent_id))
        (working,) = context.runs.active.background_of_agent(agent.agent_id)
        with pytest.raises(ConflictError, match="not over"):
            await context.runs.end_session(agent.agent_id)
        assert (await context.runs.cancel(agent.agent_id, None)) is working
        outcome = await ended(working)
        assert (outcome.state, outcome.answer) == ("cancelled", "Stopped.")
        assert working.process is not None
        assert working.process.alive
        assert not working.process.background.working


async def test_a_cancelled_prompt_takes_the_work_along_as_the_cli_does(
    serving: Serving, tmp_path: Path
) -> None:
    never, on = tmp_path / "never", tmp_path / "on"
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, [helper({"tool": "Read"}, {"wait": str(never)})])
        await ended(first)
        second = await start(context, agent, [{"touch": str(on)}, {"hang": True}])
        await until(on)
        second.stop.request(StopReason.CANCELLED)
        assert (await ended(second)).state == "cancelled"
        third = await start(context, agent, [{"text": "Third."}])
        outcome = await ended(third)
        assert (outcome.state, outcome.answer) == ("succeeded", "Third.")
        assert "message.completed" in [e["type"] for e in await payloads(context, third.run_id)]


async def test_untold_work_ends_its_run(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_runner.runners.background.SETTLE_S", 0.05)
    gate = tmp_path / "gate"
    script = [helper({"wait": str(gate)}, {"tool": "Read"}, told=None)]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        gate.touch()
        (run,) = await behind(context, active)
        assert (run.state, run.code) == ("interrupted", "interrupted")
        assert run.error is not None
        assert "told nothing" in run.error


async def test_a_killed_cli_loses_its_work_aloud(serving: Serving, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = [helper({"wait": str(gate)}, {"ask": "Bash", "input": COMMAND}, title="the survey")]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        gate.touch()
        approval = await asked(context)
        (live,) = context.runner.living
        psutil.Process(live.pid).kill()
        (run,) = await behind(context, active)
        assert (run.state, run.code) == ("interrupted", "background_lost")
        approval = await context.store.approvals.get(approval.approval_id)
        assert approval.state is ApprovalState.VOIDED
        outcome = await ended(await start(context, agent, "after it"))
        assert outcome.state == "succeeded"


async def test_settled_waits_for_all_that_was_said(serving: Serving, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    script: Script = [
        helper({"wait": str(one)}, told="One."),
        helper({"wait": str(two)}, told="Two."),
        {"text": "Begun."},
    ]
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, script)
        await ended(active)
        found: list[str] = []

        async def wait() -> None:
            found.extend(await context.runs.background.settled(active.run_id))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            one.touch()
            await behind_over(context, active, "One.")
            assert found == []
            two.touch()
        assert len(found) == 2
