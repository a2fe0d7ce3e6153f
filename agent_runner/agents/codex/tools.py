"""Codex CLI's tools. It reads files by commands; MCP tools are called mcp__SERVER__TOOL."""

from __future__ import annotations

from agent_runner.agents.tools import Tools

COMMAND = "exec_command"
PATCH = "apply_patch"
SEARCH = "web_search"
QUESTION = "request_user_input"

KINDS = {COMMAND: "execute", PATCH: "edit", SEARCH: "fetch"}
"""ACP's kinds, by name."""

TOOLS = Tools(
    reading=frozenset(("view_image",)),
    questions=frozenset((QUESTION,)),
    running=frozenset((COMMAND, "write_stdin")),
    editing=frozenset((PATCH,)),
    fetching=frozenset((SEARCH,)),
)
