"""Is Codex CLI logged in? By a key in the environment, or by what its login has written.

`codex login status` does not look at the environment, and `codex doctor` calls out.
"""

from __future__ import annotations

from pathlib import Path

from agent_runner.agents.login import Kept, LoginFiles, LoginState

KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY")


def _read(kept: Kept) -> LoginState:
    if any(kept.env.get(name) for name in KEYS):
        return True, "by API key"
    own = kept.env.get("CODEX_HOME")
    home = Path(own) if own else kept.home("HOME") / ".codex"
    auth = kept.json(home / "auth.json")
    if auth.get("tokens"):
        return True, "by ChatGPT login"
    if auth.get("OPENAI_API_KEY"):
        return True, "by API key"
    if kept.has(home / "config.toml"):
        return None, "by the provider of config.toml, if it names one; cannot be told from outside"
    return False, "no API key or login"


CHECK = LoginFiles(_read)
