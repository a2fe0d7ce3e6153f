"""Which dialog a key is pressed in, of several that are much alike."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agent_runner.agents.gemini_terminal import _ASKS, _DIALOG, _shown
from agent_runner.tmux.driver import PRESSED_S, Driver

SCREEN = """\
╭──────────────────────────────────────────────╮
│ ? Shell  {0}
│                                              │
│ {0}
│                                              │
│ ● 1. Allow once                              │
│   2. Allow for this session                  │
"""


class Shown(Driver):
    """A driver whose screen shows one dialog."""

    def __init__(self, command: str) -> None:
        self._keys = []
        self._pressed = None
        self.command = command
        self.pressed: list[Any] = []

    def screen(self) -> str:
        return SCREEN.format(self.command)

    def press(self, keys: Any) -> None:
        self.pressed.append(keys)

    def touch(self) -> None:
        self._touched = time.monotonic()

    def idle(self, pattern: str = "idle") -> bool:
        return False

    def answer(self, key: str, command: str, *others: str) -> None:
        shows = [_shown({"command": other}) for other in (command, *others)]
        self._keys.append(
            {
                "keys": [key],
                "when": _ASKS,
                "since": _DIALOG,
                "shows": shows[0],
                "others": shows[1:],
            }
        )


@pytest.mark.parametrize(
    ("answered", "asked"),
    [("ls", "rm -rf tools"), ("rm a", "rm a b"), (":", "rm -rf tools"), ("echo a > b", "echo a b")],
)
def test_one_that_is_part_of_another_is_not_pressed_in_its_dialog(
    answered: str, asked: str
) -> None:
    driver = Shown(asked)
    driver.answer("1", answered, asked)
    driver._press_keys()
    assert driver.pressed == []
    driver.command = answered
    driver._press_keys()
    assert driver.pressed == [["1"]]


def test_of_two_answers_the_one_that_says_more_is_meant() -> None:
    driver = Shown("rm -rf tools")
    driver.answer("1", "ls", "rm -rf tools")
    driver.answer("Escape", "rm -rf tools")
    driver._press_keys()
    assert driver.pressed == [["Escape"]]


def test_a_dialog_that_stays_may_be_another_ones() -> None:
    driver = Shown("rm x")
    driver.answer("1", "rm x", "rm x")
    driver._press_keys()
    assert driver._pressed is not None
    wanted, shown, at = driver._pressed
    driver._pressed = (wanted, shown, at - PRESSED_S)
    driver._press_keys()
    assert driver.pressed == [["1"]], "nobody has answered the second"
    alone = Shown("rm x")
    alone.answer("1", "rm x")
    alone._press_keys()
    assert alone._pressed is not None
    wanted, shown, at = alone._pressed
    alone._pressed = (wanted, shown, at - PRESSED_S)
    alone._press_keys()
    assert alone.pressed == [["1"], ["1"]], "it may have been deaf"
