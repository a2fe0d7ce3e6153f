"""The slash commands that a CLI tells of, as a person would type them."""

from __future__ import annotations

from typing import Any

MOST = 300
LONGEST = 100


def command_names(listed: Any) -> list[str]:
    """Their names without the slash, of a list of names or of `{"name": ...}`; [] of all else."""
    if not isinstance(listed, list):
        return []
    names = (one.get("name") if isinstance(one, dict) else one for one in listed)
    plain = (name.removeprefix("/") for name in names if isinstance(name, str))
    fit = (name for name in plain if name and len(name) <= LONGEST and name.isprintable())
    return list(dict.fromkeys(fit))[:MOST]
