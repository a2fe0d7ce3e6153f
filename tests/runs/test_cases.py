"""Recorded turns that do not end with their answer, played line by line by a Claude Code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Script, Serving
from tests.helpers.asking import approve, pending
from tests.runs.test_background import asked, behind, of_conversation, payloads, said
from tests.runs.test_odd_lines import CASES
from tests.runs.test_service import add_agent, ended, start

pytestmark = pytest.mark.anyio

FORMS = pytest.mark.parametrize("warm", [8, 0], ids=["warm", "once"])


def case(name: str, tmp_path: Path) -> Script:
    """The case's lines; `#read` waits for a message, which is in `heard`, `#wait` for `gate`."""
    steps: Script = []
    for line in (CASES / f"{name}.jsonl").read_text().splitlines():
        if line == "#read":
            steps.append({"hear": str(tmp_path / "heard")})
        elif line == "#wait":
            steps.append({"wait": str(tmp_path / "gate")})
        else:
            steps.append({"line": line.replace("@SID@", "session-of-the-case")})
    return [*steps, {"fall_silent": True}]


def heard(tmp_path: Path) -> list[dict[str, Any]]:
    """What the CLI was told of its questions."""
    lines = (tmp_path / "heard").read_text().splitlines()
    return [json.loads(line)["response"]["response"] for line in lines]


@FORMS
async def test_a_helper_goes_on_after_the_answer(
    serving: Serving, tmp_path: Path, warm: int
) -> None:
    async with serving(warm_processes=warm) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, case("background", tmp_path))
        outcome = await ended(active)
        assert outcome.state == "succeeded"
        assert outcome.answer == "It works in the background; I tell you when it is done."
        (tmp_path / "gate").touch()
        approval = await asked(context)
        await context.approvals.decide(approval.approval_id, approve(approval))
        (run,) = await behind(context, active)
        assert (run.state, run.caused_by) == ("succeeded", active.run_id)
        assert (await said(context, active))[-1] == (
            "assistant",
            "The helper says: all is green.",
        )
        assert heard(tmp_path)[0]["behavior"] == "allow"
        events = await of_conversation(context, active)
        ends = [e["toolCallId"] for e in events if e["type"] == "tool.completed"]
        assert ends == ["toolu_bg", "toolu_in"]


@FORMS
async def test_a_helpers_question_stands_open_at_its_parents_end(
    serving: Serving, tmp_path: Path, warm: int
) -> None:
    async with serving(warm_processes=warm) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, case("background-pending", tmp_path))
        approval = await pending(context, active.run_id)
        (tmp_path / "gate").touch()
        assert (await ended(active)).answer == "started"
        approval = await context.store.approvals.get(approval.approval_id)
        assert approval.state == "pending"
        await context.approvals.decide(approval.approval_id, approve(approval))
        (run,) = await behind(context, active)
        assert run.run_id == approval.run_id
        assert run.state == "succeeded"
        assert (await said(context, active))[-1] == ("assistant", "helper is done")
        assert heard(tmp_path) == [{"behavior": "allow", "updatedInput": {"command": "make"}}]


@FORMS
async def test_a_plan_changes_the_mode(serving: Serving, tmp_path: Path, warm: int) -> None:
    async with serving(warm_processes=warm) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, case("plan", tmp_path))
        approval = await pending(context, active.run_id)
        assert approval.kind == "plan"
        await context.approvals.decide(approval.approval_id, approve(approval, session=True))
        assert (await ended(active)).state == "succeeded"
        told = [e for e in await payloads(context, active.run_id) if e["type"] == "permission.mode"]
        assert [(e["mode"], e["before"]) for e in told] == [("acceptEdits", "default")]


@FORMS
async def test_several_answers(serving: Serving, tmp_path: Path, warm: int) -> None:
    async with serving(warm_processes=warm) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, case("ask-multi", tmp_path))
        approval = await pending(context, active.run_id)
        answers: dict[str, str | list[str]] = {"Which languages?": ["Rust", "Go, later"]}
        await context.approvals.decide(approval.approval_id, approve(approval, answers=answers))
        assert (await ended(active)).answer == "done"
        assert heard(tmp_path)[0]["updatedInput"]["answers"] == answers
