"""Gemini CLI's session file, `tmp/<project>/chats/session-<minute>-<id>.jsonl`. Recorded: 0.61.0.

A message is written again as it grows; it does not tell which one it goes on from.
"""

from __future__ import annotations

from typing import Any

from agent_runner.agents.session_log import Entry, Role, text_of, word

_ROLES: dict[Any, Role] = {"user": "user", "gemini": "assistant"}
ADDED = ("\n--- Content from referenced files ---", "\n<system_note>")
"""Begins of what the CLI puts behind a prompt: files and agents that it names."""


def entry(line: dict[str, Any]) -> Entry | None:
    """The entry of a line; None for what is no message."""
    role = _ROLES.get(line.get("type")) if isinstance(line.get("type"), str) else None
    if role is None:
        return None
    text = text_of(line.get("content"))
    for added in ADDED:
        text = text.partition(added)[0] if role == "user" else text
    said = bool(text.strip()) and not text.startswith("<session_context>")
    return Entry(
        entry_id=word(line.get("id")),
        role=role if said else None,
        text=text,
        at=word(line.get("timestamp")),
    )
