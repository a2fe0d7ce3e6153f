"""How each CLI calls the three tools that every coding agent has."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from agent_runner.recorder.models.script import Read, Shell, Tool, Write

_CWD = re.compile(
    r"(?:Primary working directory|Working directory|Current working directory|% pwd)"
    r"[:`\s]*(/[^\s`'\"<]+)"
)


def named(action: Tool | Shell | Read | Write, offered: Collection[str], cwd: str) -> Tool:
    """`action` as a call of one of the `offered` tools (the request names them)."""
    if isinstance(action, Tool):
        return Tool(action.name, _fill(action.input, cwd))
    if "run_shell_command" in offered or "read_file" in offered:
        tool = _gemini(action)
    elif "Execute" in offered:
        tool = _droid(action)
    else:
        tool = _claude(action)
    return Tool(tool.name, _fill(tool.input, cwd))


def find_cwd(request: Any) -> str:
    """The project folder a request speaks of, or "." if it names none.

    CLIs tell the model their working directory in the system prompt or the first message.
    """
    found = _CWD.search(json.dumps(request, ensure_ascii=False).replace("\\n", "\n"))
    return found.group(1) if found else "."


def _fill(value: dict[str, Any], cwd: str) -> dict[str, Any]:
    return {
        key: item.replace("{cwd}", cwd) if isinstance(item, str) else item
        for key, item in value.items()
    }


def _gemini(action: Shell | Read | Write) -> Tool:
    match action:
        case Shell(command=command):
            return Tool("run_shell_command", {"command": command, "description": "run it"})
        case Read(path=path):
            return Tool("read_file", {"file_path": path})
        case Write(path=path, content=content):
            return Tool("write_file", {"file_path": path, "content": content})


def _droid(action: Shell | Read | Write) -> Tool:
    match action:
        case Shell(command=command, risk=risk):
            return Tool(
                "Execute",
                {
                    "command": command,
                    "summary": "run it",
                    "timeout": 90,
                    "riskLevelReason": "scripted",
                    "riskLevel": risk,
                },
            )
        case Read(path=path):
            return Tool("Read", {"file_path": path})
        case Write(path=path, content=content):
            return Tool("Create", {"file_path": path, "content": content})


def _claude(action: Shell | Read | Write) -> Tool:
    match action:
        case Shell(command=command):
            return Tool("Bash", {"command": command, "description": "run it"})
        case Read(path=path):
            return Tool("Read", {"file_path": path})
        case Write(path=path, content=content):
            return Tool("Write", {"file_path": path, "content": content})
