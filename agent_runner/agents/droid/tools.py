"""Factory Droid's tools."""

from __future__ import annotations

from agent_runner.agents.tools import Tools

TOOLS = Tools(
    reading=frozenset(("Glob", "Grep", "LS", "Read")),
    questions=frozenset(
        ("AskUser", "ExitSpecMode", "ProposeMission", "exit_spec_mode", "propose_mission")
    ),
    running=frozenset(("Execute",)),
    editing=frozenset(("ApplyPatch", "Create", "Edit", "MultiEdit")),
    fetching=frozenset(("FetchUrl", "WebSearch")),
)
