"""Slash commands, in whichever form a CLI tells them."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.claude import system_schema
from agent_runner.agents.claude.system import system_events
from agent_runner.agents.slash_commands import LONGEST, MOST, command_names
from agent_runner.events.session import SessionCommands


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        (["compact", "/init"], ["compact", "init"]),
        ([{"name": "review", "description": "…"}, {"name": "/mcp:x"}], ["review", "mcp:x"]),
        (["twice", "twice", "", "/", 1, None, {}, ["x"], "a\nb", "x" * (LONGEST + 1)], ["twice"]),
        (None, []),
        ("compact", []),
        ({"name": "x"}, []),
    ],
)
def test_names_are_read_and_nothing_else(listed: Any, names: list[str]) -> None:
    assert command_names(listed) == names


def test_there_are_not_too_many() -> None:
    assert len(command_names([f"c{n}" for n in range(MOST * 2)])) == MOST


def test_claude_tells_of_others() -> None:
    line = system_schema.CommandsChanged(subtype="commands_changed", commands=[{"name": "new"}])
    assert system_events(line) == [SessionCommands(commands=["new"])]
