"""Answers to questions: the labels that are offered, several where several may be chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_runner.approvals.answers import Answers, checked
from agent_runner.errors import BadRequestError
from tests.conftest import Serving
from tests.helpers.asking import approve, asked, ran
from tests.helpers.trial import add_agent, ended

SEVERAL = {
    "question": "Which languages?",
    "header": "Lang",
    "multiSelect": True,
    "options": [{"label": "Rust", "description": ""}, {"label": "Go, later", "description": ""}],
}
ONE = {"question": "Which colour?", "options": ["Red", "Blue"]}
FREE = {"question": "What name?"}
INPUT: dict[str, Any] = {"questions": [SEVERAL, ONE, FREE]}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"Which languages?": ["Rust", "Go, later"]}, ["Rust", "Go, later"]),
        ({"Which languages?": "Go, later"}, ["Go, later"]),
        ({"Which colour?": "Red"}, "Red"),
        ({"Which colour?": ["Red"]}, "Red"),
        ({"What name?": "any, at all"}, "any, at all"),
    ],
)
def test_an_answer_takes_the_form_of_its_question(given: Answers, taken: str | list[str]) -> None:
    assert list(checked(INPUT, given).values()) == [taken]


@pytest.mark.parametrize(
    "given",
    [
        {"Which languages?": "Rust, Go, later"},
        {"Which languages?": ["Cobol"]},
        {"Which languages?": []},
        {"Which languages?": ["Rust", "Rust"]},
        {"Which colour?": "Green"},
        {"Which colour?": ["Red", "Blue"]},
        {"What name?": ["a", "b"]},
        {"Which?": "Red"},
    ],
)
def test_what_is_not_offered_is_refused(given: Answers) -> None:
    with pytest.raises(BadRequestError) as raised:
        checked(INPUT, given)
    assert raised.value.code == "unknown_answer"
    assert raised.value.hint


@pytest.mark.parametrize("questions", [None, 1, {}, [1, {}, {"question": None, "options": 3}]])
def test_odd_questions_are_answered_with_an_error(questions: Any) -> None:
    with pytest.raises(BadRequestError):
        checked({"questions": questions}, {"a": "b"})


@pytest.mark.anyio
async def test_several_answers_reach_the_cli_as_a_list(serving: Serving, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = [{"ask": "AskUserQuestion", "input": {"questions": [SEVERAL]}, "log": str(log)}]
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, script)
        unknown = approve(approval, answers={"Which languages?": "Cobol"})
        with pytest.raises(BadRequestError):
            await context.approvals.decide(approval.approval_id, unknown)
        answers: Answers = {"Which languages?": ["Rust", "Go, later"]}
        decided = approve(approval, answers=answers)
        await context.approvals.decide(approval.approval_id, decided)
        await context.approvals.decide(approval.approval_id, decided)
        assert (await ended(active)).state == "succeeded"
    assert ran(log) == [{"questions": [SEVERAL], "answers": answers}]
