"""The answers to a CLI's questions, held against what it offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent_runner.errors import BadRequestError

Answers = dict[str, str | list[str]]
"""The question's text: the label that was chosen; a list of them if it takes several."""


def checked(asked: Mapping[str, Any], answers: Answers) -> Answers:
    """`answers` in the form that the CLI takes; BadRequestError `unknown_answer`.

    `asked` is the question's input (Claude Code's AskUserQuestion, Factory Droid's AskUser): its
    `questions` have a text, and perhaps options. One that takes several is answered by a list.
    """
    questions = asked.get("questions")
    known = {
        str(question["question"]): question
        for question in (questions if isinstance(questions, list) else ())
        if isinstance(question, dict) and "question" in question
    }
    return {text: _checked(text, known.get(text), given) for text, given in answers.items()}


def labels_of(question: Mapping[str, Any]) -> list[str]:
    """What it offers; nothing if any text will do."""
    options = question.get("options")
    offered = options if isinstance(options, list) else []
    return [str(o.get("label")) if isinstance(o, dict) else str(o) for o in offered]


def takes_several(question: Mapping[str, Any]) -> bool:
    """True if more than one of its options may be chosen."""
    return question.get("multiSelect") is True


def _checked(
    text: str, question: Mapping[str, Any] | None, given: str | list[str]
) -> str | list[str]:
    if question is None:
        raise BadRequestError(
            "unknown_answer",
            f"nobody asks {text[:200]!r}",
            hint="the approval's input.questions has what is asked",
        )
    chosen = given if isinstance(given, list) else [given]
    labels, several = labels_of(question), takes_several(question)
    unknown = [label for label in chosen if labels and label not in labels]
    if unknown:
        offered = ", ".join(repr(label) for label in labels)
        hint = f"{'a list of ' if several else ''}{'some' if several else 'one'} of {offered}"
        raise BadRequestError(
            "unknown_answer", f"{unknown[0][:200]!r} is no option of {text[:200]!r}", hint=hint
        )
    if not chosen or len(set(chosen)) != len(chosen) or (len(chosen) > 1 and not several):
        raise BadRequestError(
            "unknown_answer",
            f"{text[:200]!r} takes {'one or more labels, each once' if several else 'one answer'}",
            hint="a question with multiSelect takes a list",
        )
    return chosen if several else chosen[0]
