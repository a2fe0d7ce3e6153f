"""Is Claude Code logged in? It says so itself, without a network call."""

from __future__ import annotations

from typing import Any

from agent_runner.agents.login import LoginCommand, LoginState


def _read(code: int | None, status: dict[str, Any]) -> LoginState:
    if not status:
        return None, "`claude auth status` gave no answer"
    if code == 0 and status.get("loggedIn"):
        return True, f"by {status.get('authMethod', 'unknown')}"
    return False, "not logged in"


CHECK = LoginCommand(("auth", "status"), _read)
