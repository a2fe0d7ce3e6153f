"""Factory Droid's session file, `sessions/<cwd>/<session id>.jsonl`. Recorded: 0.215.0.

What the CLI itself tells the user, or the model, is a user's message with a `visibility`.
"""

from __future__ import annotations

from typing import Any

from agent_runner.agents.session_log import Entry, text_of, word


def entry(line: dict[str, Any]) -> Entry | None:
    """The entry of a line; None for what is no message."""
    message = line.get("message")
    if line.get("type") != "message" or not isinstance(message, dict):
        return None
    text, told = text_of(message.get("content")), message.get("role")
    said = bool(text.strip()) and message.get("visibility") is None
    said = said and not text.lstrip().startswith("<system-")
    return Entry(
        entry_id=word(line.get("id")),
        parent=word(line.get("parentId")),
        role=told if said and told in ("user", "assistant") else None,
        text=text,
        at=word(line.get("timestamp")),
    )
