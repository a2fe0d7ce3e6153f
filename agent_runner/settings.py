"""The service's configuration: a YAML file, then AGENT_RUNNER_* variables, then flags."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent_runner.errors import BadRequestError

Milliseconds = Annotated[int, Field(ge=1)]


def default_state_dir() -> Path:
    """`$XDG_STATE_HOME/agent-runner`, usually `~/.local/state/agent-runner`."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(base) / "agent-runner"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """Where the service listens and who may speak to it."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    auth: Literal["token", "none"] = Field(
        "token", description="`token` asks every request for it; `none` only on loopback."
    )
    token: str | None = Field(
        None, min_length=16, description="The bearer token; made and kept in the state folder."
    )
    allowed_hosts: list[str] = Field(
        [], description="Host header names accepted besides the address listened on."
    )
    allowed_origins: list[str] = Field(
        [], description="Browser origins accepted besides the service's own."
    )
    allow_remote: bool = Field(
        False, description="Permit listening on an address that is not loopback."
    )


class LimitSettings(_Section):
    """Bounds on what one request, run or reader may take."""

    body_bytes: int = Field(16 << 20, ge=1024, description="Largest request body.")
    prompt_bytes: int = Field(8 << 20, ge=1, description="Longest prompt, in UTF-8 bytes.")
    line_bytes: int = Field(8 << 20, ge=4096, description="Longest CLI line that is decoded.")
    raw_log_bytes: int = Field(
        256 << 20, ge=0, description="CLI output kept byte for byte, for each run and stream."
    )
    queue_depth: int = Field(100, ge=1, description="Runs waiting for one agent.")
    queue_wait_ms: Milliseconds = Field(300_000, description="Longest wait for the agent.")
    run_timeout_ms: Milliseconds = Field(300_000, description="A run's time if it asks none.")
    run_timeout_max_ms: Milliseconds = Field(1_800_000, description="The most a run may ask.")
    warm_processes: int = Field(8, ge=0, description="Warm CLI processes kept; 0 is one-shot only.")
    warm_idle_ms: Milliseconds = Field(300_000, description="A warm process unused this long ends.")
    cancel_grace_ms: Milliseconds = Field(5_000, description="Each step of ending a CLI.")
    stream_clients: int = Field(1000, ge=1, description="Open SSE streams.")
    stream_send_ms: Milliseconds = Field(
        30_000, description="A stream client that takes nothing for this long is closed."
    )


class MaintenanceSettings(_Section):
    """What the service does for its database every night."""

    enabled: bool = Field(True, description="Check, back up and shrink the database each night.")
    hour: int = Field(3, ge=0, le=23, description="The local hour in which it does so.")
    keep_backups: int = Field(7, ge=1, description="Backups kept; the oldest go first.")


class Settings(_Section):
    """Everything that can be set."""

    state_dir: Path = Field(
        default_factory=default_state_dir, description="Database, token and raw logs."
    )
    allowed_roots: list[Path] = Field(
        default_factory=lambda: [Path.home(), Path.cwd()],
        description="Folders that an agent's cwd must lie in; your home and the start folder.",
    )
    programs: dict[str, str] = Field(
        {}, description="Path of a CLI, by agent type, where it is not found by itself."
    )
    server: ServerSettings = ServerSettings()
    limits: LimitSettings = LimitSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()


_VARIABLES: dict[str, tuple[str, ...]] = {
    "AGENT_RUNNER_HOST": ("server", "host"),
    "AGENT_RUNNER_PORT": ("server", "port"),
    "AGENT_RUNNER_AUTH": ("server", "auth"),
    "AGENT_RUNNER_TOKEN": ("server", "token"),
    "AGENT_RUNNER_STATE_DIR": ("state_dir",),
}
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
    values: dict[str, Any] = _read(path) if path is not None else {}
    for variable, where in _VARIABLES.items():
        if env.get(variable):
            _put(values, where, env[variable])
    for where, value in (overrides or {}).items():
        if value is not None:
            _put(values, where, value)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadRequestError(
            "invalid_config",
            f"setting {place}: {first['msg']}",
            hint=f"the configuration is {path}" if path else "see the AGENT_RUNNER_* variables",
        ) from error


def _read(path: Path) -> dict[str, Any]:
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
