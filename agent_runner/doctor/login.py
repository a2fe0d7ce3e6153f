"""Is a CLI logged in? Told from what it keeps or says itself, without a model call.

Presence only: a key that is there may still be wrong, and the first run then says so.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent_runner.home import home
from agent_runner.process.environment import led_by
from agent_runner.process.programs import output
from agent_runner.process.warden import Warden

Login = tuple[bool | None, str]


def _home(env: Mapping[str, str], override: str) -> Path:
    return Path(env.get(override) or env.get("HOME") or home() or os.sep)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


async def claude(warden: Warden, path: Path, env: Mapping[str, str]) -> Login:
    """`claude auth status` answers JSON with `loggedIn`, without a network call."""
    code, text = await output(warden, [str(path), "auth", "status"], led_by(env, str(path)))
    try:
        status = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        status = None
    if not isinstance(status, dict):
        return None, "`claude auth status` gave no answer"
    if code == 0 and status.get("loggedIn"):
        return True, f"by {status.get('authMethod', 'unknown')}"
    return False, "not logged in"


async def gemini(_: Warden, __: Path, env: Mapping[str, str]) -> Login:
    """No status command: its settings name the method, keys are in the environment."""
    home = _home(env, "GEMINI_CLI_HOME") / ".gemini"
    if env.get("GEMINI_API_KEY") or env.get("GOOGLE_API_KEY"):
        return True, "by API key"
    security = _json(home / "settings.json").get("security")
    auth = security.get("auth") if isinstance(security, dict) else None
    method = auth.get("selectedType") if isinstance(auth, dict) else None
    if (home / "oauth_creds.json").is_file():
        return True, "by Google login (free, Pro and Ultra accounts are no longer served)"
    if method in ("vertex-ai", "gateway"):
        return None, f"by {method}; cannot be told without a call"
    return False, "no API key"


async def droid(_: Warden, __: Path, env: Mapping[str, str]) -> Login:
    """Droid runs with a Factory key or login, or air-gapped with models of one's own."""
    home = _home(env, "FACTORY_HOME_OVERRIDE") / ".factory"
    if env.get("FACTORY_API_KEY"):
        return True, "by API key"
    models = _json(home / "settings.json").get("customModels")
    if env.get("FACTORY_AIRGAP_ENABLED") == "true":
        return (True, "air-gapped with custom models") if models else (False, "no custom model")
    if any((home / name).is_file() for name in ("auth.json", "auth.encrypted", "auth.v2.file")):
        return True, "by Factory login"
    return False, "no Factory key or login"


LOGINS: dict[str, Callable[[Warden, Path, Mapping[str, str]], Awaitable[Login]]] = {
    "claude-code": claude,
    "gemini": gemini,
    "factory-droid": droid,
}
