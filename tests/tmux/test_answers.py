"""Which dialog a key is pressed in, of several that are much alike."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agent_runner.agents.gemini.terminal import _ASKS, _DIALOG, _shown
from agent_runner.tmux.answers import PRESSED_S, Answers

SCREEN = """\
╭──────────────────────────────────────────────╮
│ ? Shell  {0}
│                                              │
│ {0}
│                                              │
│ ● 1. Allow once                              │
│   2. Allow for this session                  │
"""


class Ui:
    """A UI that shows one dialog, and the keys pressed in it."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.pressed: list[list[str]] = []

    def screen(self) -> str:
        return SCREEN.format(self.command)

    def press(self, keys: list[str]) -> None:
        self.pressed.append(keys)

    def touch(self) -> None:
        pass

    def idle(self, which: str = "idle") -> bool:
        return False


def answer(key: str, command: str, *others: str) -> dict[str, Any]:
    shows = [_shown({"command": other}) for other in (command, *others)]
    return {"keys": [key], "when": _ASKS, "since": _DIALOG, "shows": shows[0], "others": shows[1:]}


def answering(ui: Ui, *commands: dict[str, Any]) -> Answers:
    answers = Answers(ui)
    for command in commands:
        answers.add(command)
    answers.press()
    return answers


@pytest.mark.parametrize(
    ("answered", "asked"),
    [("ls", "rm -rf tools"), ("rm a", "rm a b"), (":", "rm -rf tools"), ("echo a > b", "echo a b")],
)
def test_one_that_is_part_of_another_is_not_pressed_in_its_dialog(
    answered: str, asked: str
) -> None:
    ui = Ui(asked)
    answers = answering(ui, answer("1", answered, asked))
    assert ui.pressed == []
    ui.command = answered
    answers.press()
    assert ui.pressed == [["1"]]


def test_of_two_answers_the_one_that_says_more_is_meant() -> None:
    ui = Ui("rm -rf tools")
    answering(ui, answer("1", "ls", "rm -rf tools"), answer("Escape", "rm -rf tools"))
    assert ui.pressed == [["Escape"]]


@pytest.mark.parametrize(
    ("others", "times"), [(["rm x"], 1), ([], 2)], ids=["may be another's", "may have been deaf"]
)
def test_a_dialog_that_stays(
    others: list[str], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ui = Ui("rm x")
    answers = answering(ui, answer("1", "rm x", *others))
    answers.press()
    assert ui.pressed == [["1"]], "it has had no time to go"
    later = time.monotonic() + PRESSED_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    answers.press()
    assert ui.pressed == [["1"]] * times


def test_what_is_forgotten_is_not_pressed() -> None:
    ui = Ui("rm x")
    answers = answering(ui, answer("1", "ls"))
    answers.forget()
    ui.command = "ls"
    answers.press()
    assert ui.pressed == []
