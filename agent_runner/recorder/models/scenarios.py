"""Replies chosen by a mark in the prompt: `<<name>>` or `<<name:argument>>`.

Stateless, so that any number of conversations can share a server: the newest mark in the
user's messages picks the scenario, and the number of tool results after it the reply.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

from agent_runner.recorder.models.script import (
    Action,
    Cut,
    Http,
    Read,
    Reply,
    Shell,
    Sleep,
    Text,
    Think,
    Write,
)

_MARK = re.compile(r"<<(\w+)(?::(.*?))?>>", re.DOTALL)


class Turn(NamedTuple):
    """One message of a request, as far as choosing a reply needs it."""

    kind: Literal["user", "tool", "other"]
    text: str


def _text(arg: str) -> list[list[Action]]:
    return [[Text("Hello "), Text("from the "), Text("model.")]]


SCENARIOS: dict[str, Callable[[str], list[list[Action]]]] = {
    "text": _text,
    "echo": lambda arg: [[Text(arg)]],
    "think": lambda _: [[Think("Let me think."), Text("Thought about it.")]],
    "big": lambda arg: [[Text(size=int(arg or 5_000_000), chunk=4096)]],
    "slow": lambda arg: [[Text("tick " * int(arg or 20), chunk=5, gap=0.25)]],
    "shell": lambda arg: [[Shell(arg or "echo hello")], [Text("Done.")]],
    "read": lambda arg: [[Read(arg or "{cwd}/a.txt")], [Text("Read it.")]],
    "write": lambda arg: [[Write(arg or "{cwd}/out.txt", "written\n")], [Text("Wrote it.")]],
    "http": lambda arg: [[Http(int(arg or 500))]],
    "stall": lambda arg: [[Text("Before the stall. "), Sleep(float(arg or 600)), Cut()]],
    "cut": lambda _: [[Text("Before the cut. "), Cut()]],
}


def choose(turns: list[Turn]) -> Reply:
    """The reply for a request with these messages, oldest first; `text` without a mark."""
    step = 0
    for turn in reversed(turns):
        if turn.kind == "tool":
            step += 1
        elif turn.kind == "user" and (marks := _MARK.findall(turn.text)):
            name, arg = marks[-1]
            replies = SCENARIOS.get(name, _text)(arg)
            return Reply(replies[step] if step < len(replies) else [Text("The script is over.")])
    return Reply(_text("")[0])
