"""What the tools of a CLI do, by their names (see fixtures/)."""

from __future__ import annotations

from typing import NamedTuple

from agent_runner.agents.discovery import modules


class Tools(NamedTuple):
    """The names that a CLI gives its tools.

    `reading` look at files and at nothing else: what reaches the network is not among them.
    `running` run a command. `questions` ask a person something that no policy can answer: a
    choice, a plan to approve.
    """

    reading: frozenset[str]
    questions: frozenset[str]
    running: frozenset[str]
    editing: frozenset[str]
    fetching: frozenset[str]


def known_tools() -> Tools:
    """The names of all CLIs together: a call does not say which CLI's tool it is of."""
    known: list[Tools] = [module.TOOLS for module in modules("tools").values()]
    return Tools(*(frozenset().union(*names) for names in zip(*known, strict=True)))
