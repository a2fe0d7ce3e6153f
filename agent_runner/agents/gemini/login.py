"""Is Gemini CLI logged in? Its settings name the method, keys are in the environment."""

from __future__ import annotations

from agent_runner.agents.login import Kept, LoginFiles, LoginState


def _read(kept: Kept) -> LoginState:
    home = kept.home("GEMINI_CLI_HOME") / ".gemini"
    if kept.env.get("GEMINI_API_KEY") or kept.env.get("GOOGLE_API_KEY"):
        return True, "by API key"
    security = kept.json(home / "settings.json").get("security")
    auth = security.get("auth") if isinstance(security, dict) else None
    method = auth.get("selectedType") if isinstance(auth, dict) else None
    if kept.has(home / "oauth_creds.json"):
        return True, "by Google login (free, Pro and Ultra accounts are no longer served)"
    if method in ("vertex-ai", "gateway"):
        return None, f"by {method}; cannot be told without a call"
    return False, "no API key"


CHECK = LoginFiles(_read)
