"""Claude Code's tools."""

from __future__ import annotations

from agent_runner.agents.tools import Tools

TOOLS = Tools(
    reading=frozenset(("Glob", "Grep", "LS", "NotebookRead", "Read")),
    questions=frozenset(("AskUserQuestion", "ExitPlanMode")),
    running=frozenset(("Bash",)),
    editing=frozenset(("Edit", "MultiEdit", "NotebookEdit", "Write")),
    fetching=frozenset(("WebFetch", "WebSearch")),
)
