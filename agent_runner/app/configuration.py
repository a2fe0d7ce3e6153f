"""Where settings come from: a YAML file, then AGENT_RUNNER_* variables, then flags.

Every setting has its variable: `limits.queue_depth` is AGENT_RUNNER_LIMITS__QUEUE_DEPTH. A list or
a mapping is JSON.

A relative path in the file is meant from the file's folder, one of a variable or a flag from
the folder that the command is started in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from agent_runner.errors import BadRequestError
from agent_runner.folders import absolute
from agent_runner.settings import BASE, PROGRAMS, Settings

PREFIX = "AGENT_RUNNER_"
_SHORT: dict[str, tuple[str, ...]] = {
    "AGENT_RUNNER_HOST": ("server", "host"),
    "AGENT_RUNNER_PORT": ("server", "port"),
    "AGENT_RUNNER_AUTH": ("server", "auth"),
    "AGENT_RUNNER_TOKEN": ("server", "token"),
}
"""Variables with a name of their own besides that of their setting."""

_PATHS = (("state_dir",), ("allowed_roots",), ("programs",), ("hooks", "command"))
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
    values: dict[str, Any] = _read_file(path) if path is not None else {}
    for where, (_, value) in _given(env).items():
        _put(values, where, _from_here(where, value))
    for where, value in (overrides or {}).items():
        if value is not None:
            _put(values, where, _from_here(where, value))
    try:
        base = None if path is None else path.parent
        known = _program_names() if "programs" in values else None
        return Settings.model_validate(values, context={BASE: base, PROGRAMS: known})
    except ValidationError as error:
        first = error.errors()[0]
        where = tuple(map(str, first["loc"]))
        raise BadRequestError(
            "invalid_config",
            f"setting {'.'.join(where)}: {first['msg']}",
            hint=f"it was given by {_giver(where, path, overrides or {}, env)}",
        ) from error


def _program_names() -> list[str]:
    """The names of the setting `programs`: each CLI's agent type, and tmux."""
    from agent_runner.agents.registry import INSTALLED  # 100 ms that few starts need
    from agent_runner.runners.terminal import TMUX

    return [*INSTALLED, TMUX]


def _whole(path: Path) -> Path:
    try:
        return absolute(path)
    except ValueError as error:
        raise BadRequestError("invalid_config", str(error)) from error


def variable_of(where: tuple[str, ...]) -> str:
    """The variable of a setting."""
    return PREFIX + "__".join(where).upper()


def _given(env: Mapping[str, str]) -> dict[tuple[str, ...], tuple[str, Any]]:
    """The variables that give settings, by setting, each with its value.

    A section as a whole has no variable: AGENT_RUNNER_APPROVALS is the supervised tools'.
    """
    given: dict[tuple[str, ...], tuple[str, Any]] = {
        where: (name, env[name]) for name, where in _SHORT.items() if env.get(name)
    }
    sections = {name for name, field in Settings.model_fields.items() if _is_section(field)}
    plain = {variable_of((name,)) for name in Settings.model_fields if name not in sections}
    named = {
        name: value
        for name, value in env.items()
        if value and (name in plain or (name.startswith(PREFIX) and "__" in name))
    }
    if named:
        long = {where: (variable_of(where), value) for where, value in _read(named)}
        for name in named:
            if not any(_gives(name, where) for where in long):
                raise BadRequestError(
                    "invalid_config",
                    "a variable gives no value to any setting",
                    hint=f"it was given by {name}",
                )
        given |= long
    return given


def _gives(name: str, where: tuple[str, ...]) -> bool:
    """True if the variable is that of the setting, or of an entry of its mapping."""
    whole = variable_of(where)
    return name == whole or (where in _PATHS and name.startswith(f"{whole}__"))


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _read(named: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The settings that variables give, each with its value."""
    # 30 ms that a start without such variables need not take
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

    class FromEnvironment(Settings, BaseSettings):  # type: ignore[misc] # both configure alike
        """The settings as their source wants them."""

    source = EnvSettingsSource(FromEnvironment, env_prefix=PREFIX, env_nested_delimiter="__")
    source.env_vars = {name.lower(): value for name, value in named.items()}
    try:
        return _flat(source())
    except SettingsError as error:
        raise BadRequestError(
            "invalid_config",
            f"a variable holds no JSON: {error}",
            hint=f"it was given by {' or '.join(sorted(named))}",
        ) from error


def _flat(values: Mapping[str, Any], of: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Each setting that is given, with its value; a mapping that is one setting stays whole."""
    for name, value in values.items():
        where = (*of, name)
        if isinstance(value, dict) and where not in _PATHS:
            yield from _flat(value, where)
        else:
            yield where, value


def _from_here(where: tuple[str, ...], value: Any) -> Any:
    """Paths of a variable or a flag are meant from the present folder, not from the file's."""
    if where not in _PATHS:
        return value
    if where == ("hooks", "command"):
        # What follows the program are its arguments.
        words = value if isinstance(value, list) else [value]
        return [_here(words[0], of_program=True), *words[1:]] if words else value
    return _here(value, of_program=where[0] == "programs")


def _here(value: Any, *, of_program: bool) -> Any:
    """A path made absolute; the name of a program alone is looked for in PATH."""
    if isinstance(value, list):
        return [_here(item, of_program=of_program) for item in value]
    if isinstance(value, dict):
        return {name: _here(item, of_program=of_program) for name, item in value.items()}
    if not isinstance(value, str | Path):  # the settings say so
        return value
    if of_program and not (os.sep in str(value) or str(value).startswith("~")):
        return value
    with suppress(ValueError):  # the settings say so
        return str(absolute(value))
    return value


def _giver(
    where: tuple[str, ...],
    config: Path | None,
    overrides: Mapping[tuple[str, ...], Any],
    env: Mapping[str, str],
) -> str:
    """What may have given `load_settings` the value at `where`."""
    given = {of: name for of, (name, _) in _given(env).items()}
    for of, value in overrides.items():
        if value is not None:
            given[of] = f"--{of[-1].replace('_', '-')}"
    if where in given:
        return given[where]
    within = [
        name for of, name in given.items() if of[: len(where)] == where or where[: len(of)] == of
    ]
    return " or ".join([*([str(config)] if config else []), *within])


def _read_file(path: Path) -> dict[str, Any]:
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
