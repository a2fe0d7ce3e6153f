"""Where settings come from: a YAML file, then AGENT_RUNNER_* variables, then flags.

A relative path in the file is meant from the file's folder, one of a variable or a flag from
the folder that the command is started in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent_runner.errors import BadRequestError
from agent_runner.folders import absolute
from agent_runner.settings import BASE, Settings

_VARIABLES: dict[str, tuple[str, ...]] = {
    "AGENT_RUNNER_HOST": ("server", "host"),
    "AGENT_RUNNER_PORT": ("server", "port"),
    "AGENT_RUNNER_AUTH": ("server", "auth"),
    "AGENT_RUNNER_TOKEN": ("server", "token"),
    "AGENT_RUNNER_STATE_DIR": ("state_dir",),
}
_PATHS = (("state_dir",),)
CONFIG_VARIABLE = "AGENT_RUNNER_CONFIG"


def load_settings(
    config: Path | None = None,
    overrides: Mapping[tuple[str, ...], Any] | None = None,
    env: Mapping[str, str] = os.environ,
) -> Settings:
    """Settings from the file, the environment and `overrides`, later ones winning.

    BadRequestError `invalid_config` names the file or variable and what is wrong.
    """
    path = config or (Path(env[CONFIG_VARIABLE]) if env.get(CONFIG_VARIABLE) else None)
    path = None if path is None else _whole(path)
    values: dict[str, Any] = _read(path) if path is not None else {}
    for variable, where in _VARIABLES.items():
        if env.get(variable):
            _put(values, where, _from_here(where, env[variable]))
    for where, value in (overrides or {}).items():
        if value is not None:
            _put(values, where, _from_here(where, value))
    try:
        base = None if path is None else path.parent
        return Settings.model_validate(values, context={BASE: base})
    except ValidationError as error:
        first = error.errors()[0]
        where = tuple(map(str, first["loc"]))
        raise BadRequestError(
            "invalid_config",
            f"setting {'.'.join(where)}: {first['msg']}",
            hint=f"it was given by {_giver(where, path, overrides or {}, env)}",
        ) from error


def _whole(path: Path) -> Path:
    try:
        return absolute(path)
    except ValueError as error:
        raise BadRequestError("invalid_config", str(error)) from error


def _from_here(where: tuple[str, ...], value: Any) -> Any:
    """A path of a variable or a flag is meant from the present folder, not from the file's."""
    if where not in _PATHS:
        return value
    with suppress(ValueError):  # the settings say so
        return absolute(value)
    return value


def _giver(
    where: tuple[str, ...],
    config: Path | None,
    overrides: Mapping[tuple[str, ...], Any],
    env: Mapping[str, str],
) -> str:
    """What may have given `load_settings` the value at `where`."""
    given = {of: name for name, of in _VARIABLES.items() if env.get(name)}
    for of, value in overrides.items():
        if value is not None:
            given[of] = f"--{of[-1].replace('_', '-')}"
    if where in given:
        return given[where]
    within = [name for of, name in given.items() if of[: len(where)] == where]
    return " or ".join([*([str(config)] if config else []), *within])


def _read(path: Path) -> dict[str, Any]:
    import yaml  # 20 ms that a start without a file need not take

    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadRequestError("invalid_config", f"{path}: {error}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise BadRequestError("invalid_config", f"{path}: expected `name: value` lines")
    return loaded


def _put(values: dict[str, Any], where: tuple[str, ...], value: Any) -> None:
    for name in where[:-1]:
        section = values.setdefault(name, {})
        if not isinstance(section, dict):
            return
        values = section
    values[where[-1]] = value
