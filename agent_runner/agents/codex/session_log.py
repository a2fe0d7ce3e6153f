"""Codex CLI's session file, `sessions/YYYY/MM/DD/rollout-<time>-<session id>.jsonl`.

Recorded from 0.171.0. What was said is in `response_item` lines, of which those that the CLI puts
before a prompt by itself, such as `<environment_context>`, are told by their beginning. No line
is written again, and the ids are the provider's.
"""

from __future__ import annotations

from typing import Any

from agent_runner.agents.session_log import Entry, Role, word

_ROLES: dict[Any, Role] = {"user": "user", "assistant": "assistant"}
_ITS_OWN = ("<environment_context>", "<user_instructions>", "<turn_aborted>", "# AGENTS.md ")


def entry(line: dict[str, Any]) -> Entry | None:
    """The entry of a line; None for what is no message."""
    payload = line.get("payload")
    if line.get("type") != "response_item" or not isinstance(payload, dict):
        return None
    name = payload.get("role")
    role = _ROLES.get(name) if isinstance(name, str) else None
    if payload.get("type") != "message" or role is None:
        return None
    text = _text(payload.get("content"))
    said = bool(text.strip()) and not text.startswith(_ITS_OWN)
    return Entry(
        role=role if said else None,
        text=text,
        at=word(line.get("timestamp")),
    )


def _text(content: Any) -> str:
    """The texts of a message's blocks, input_text and output_text."""
    blocks = content if isinstance(content, list) else []
    return "".join(
        block["text"]
        for block in blocks
        if isinstance(block, dict) and isinstance(block.get("text"), str)
    )
