"""Carries out the check of a login that a CLI's adapter describes (`agents.login`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent_runner.agents.base import Adapter
from agent_runner.agents.login import LoginCommand, LoginState
from agent_runner.home import home
from agent_runner.process.environment import led_by
from agent_runner.process.programs import output
from agent_runner.process.warden import Warden


class KeptFiles:
    """See `agents.login.Kept`: the files of this machine."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env

    def home(self, variable: str) -> Path:
        """The folder that `variable` names, or the user's home folder."""
        return Path(self.env.get(variable) or self.env.get("HOME") or home() or os.sep)

    def json(self, path: Path) -> dict[str, Any]:
        """The object in a file; {} if there is none."""
        try:
            return _object(path.read_bytes())
        except (OSError, ValueError):
            return {}

    def has(self, path: Path) -> bool:
        """True if there is such a file."""
        return path.is_file()


def _object(text: bytes | str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return {}
    return found if isinstance(found, dict) else {}


async def login_of(
    adapter: Adapter, warden: Warden, path: Path, env: Mapping[str, str]
) -> LoginState:
    """Whether the CLI at `path`, which gets the environment `env`, is logged in."""
    check = adapter.login
    if check is None:
        return None, "it has no login"
    if isinstance(check, LoginCommand):
        code, text = await output(warden, [str(path), *check.arguments], led_by(env, str(path)))
        return check.read(code, _object(text))
    return check.read(KeptFiles(env))
