"""Claude Code's session file, `projects/<cwd>/<session id>.jsonl`. Recorded: 2.1.197, 2.1.332."""

from __future__ import annotations

import re
from typing import Any

from agent_runner.agents.claude.blocks import SYNTHETIC
from agent_runner.agents.session_log import Entry, text_of, word

_COMMAND = re.compile(
    r"<command-name>(?P<name>/?[^<]*)</command-name>(?:.*?<command-args>(?P<args>[^<]*)<)?",
    re.DOTALL,
)
_ITS_OWN = re.compile(
    r"\s*(?:<(?:local-command|bash-|task-notification|system-reminder|user-memory)"
    r"|\[Request interrupted)"
)


def entry(line: dict[str, Any]) -> Entry | None:
    """The entry of a line; None for the CLI's own books and for what helpers say."""
    if line.get("isSidechain") or not isinstance(line.get("uuid"), str):
        return None
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    role, text = None, text_of(content)
    if line.get("type") == "user" and not _of_the_cli(line, content, text):
        role = "user"
        if command := _COMMAND.search(text):
            text = f"{command['name']} {command['args'] or ''}".strip()
    elif line.get("type") == "assistant" and isinstance(message, dict):
        role = None if message.get("model") == SYNTHETIC else "assistant"
    return Entry(
        entry_id=line["uuid"],
        parent=word(line.get("parentUuid")),
        role=role,  # type: ignore[arg-type]
        text=text,
        at=word(line.get("timestamp")),
    )


def _of_the_cli(line: dict[str, Any], content: Any, text: str) -> bool:
    """True for a tool's result, and for what the CLI tells its model by itself."""
    if line.get("isMeta") or line.get("isCompactSummary") or line.get("toolUseResult") is not None:
        return True
    blocks = content if isinstance(content, list) else []
    if any(isinstance(block, dict) and block.get("type") == "tool_result" for block in blocks):
        return True
    return _ITS_OWN.match(text) is not None or not text.strip()


def message(line: dict[str, Any]) -> tuple[str, str] | None:
    """The id and the text of a line of the model's; None for any other."""
    own_id, inner = line.get("uuid"), line.get("message")
    if line.get("type") != "assistant" or line.get("isSidechain") or not isinstance(inner, dict):
        return None
    content = inner.get("content")
    blocks = content if isinstance(content, list) else []
    texts = [
        block["text"]
        for block in blocks
        if isinstance(block, dict) and isinstance(block.get("text"), str)
    ]
    return (own_id, "".join(texts)) if isinstance(own_id, str) and texts else None
