"""Is Factory Droid logged in? By a key or a login, or air-gapped with models of one's own."""

from __future__ import annotations

from agent_runner.agents.login import Kept, LoginFiles, LoginState

_FILES = ("auth.json", "auth.encrypted", "auth.v2.file")


def _read(kept: Kept) -> LoginState:
    home = kept.home("FACTORY_HOME_OVERRIDE") / ".factory"
    if kept.env.get("FACTORY_API_KEY"):
        return True, "by API key"
    models = kept.json(home / "settings.json").get("customModels")
    if kept.env.get("FACTORY_AIRGAP_ENABLED") == "true":
        return (True, "air-gapped with custom models") if models else (False, "no custom model")
    if any(kept.has(home / name) for name in _FILES):
        return True, "by Factory login"
    return False, "no Factory key or login"


CHECK = LoginFiles(_read)
