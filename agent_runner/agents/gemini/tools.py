"""Gemini CLI's tools."""

from __future__ import annotations

from agent_runner.agents.tools import Tools

TOOLS = Tools(
    reading=frozenset(
        (
            *("glob", "grep_search", "list_directory", "read_file", "read_many_files"),
            "search_file_content",
        )
    ),
    questions=frozenset(("ask_user", "exit_plan_mode")),
    running=frozenset(("run_shell_command",)),
    editing=frozenset(("replace", "write_file")),
    fetching=frozenset(("google_web_search", "web_fetch")),
)
