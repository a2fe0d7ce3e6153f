"""The examination: the machine, then each CLI."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from agent_runner.agents.base import Adapter
from agent_runner.agents.registry import ADAPTERS, INSTALL_FOLDERS, INSTALLED
from agent_runner.doctor.login import login_of
from agent_runner.doctor.report import CliFinding, HostFinding, Report
from agent_runner.process import capabilities
from agent_runner.process.condition import Condition, condition_of, lying_about, told
from agent_runner.process.environment import child_environment, led_by
from agent_runner.process.programs import find, is_newer, output, version_in
from agent_runner.process.warden import Warden, open_warden
from agent_runner.settings import Settings

_LOW_DISK = 1 << 30


def machine(settings: Settings, engine: str) -> list[HostFinding]:
    """Python, SQLite, disk."""
    state = settings.state_dir
    place = state
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return [
        HostFinding(name="python", status="ok", detail=sys.version.split()[0]),
        HostFinding(name="sqlite", status="ok", detail=engine),
        HostFinding(
            name="state folder",
            status="ok" if free > _LOW_DISK else "warning",
            detail=f"{state}, {free >> 20} MiB free",
            fix=None if free > _LOW_DISK else "free some disk space, or choose --state-dir",
        ),
        containment(),
    ]


def containment() -> HostFinding:
    """What keeps a CLI's processes together on this machine."""
    missing = capabilities.missing()
    return HostFinding(
        name="containment",
        status="warning" if missing else "ok",
        detail="; ".join(missing)
        or "whole trees are ended, also when the service is killed; limits are watched",
        fix="run the service on Linux" if missing else None,
    )


def _absence(program: str, env: Mapping[str, str]) -> str:
    lying = lying_about(program, env, None, INSTALL_FOLDERS)
    condition = None if lying is None else condition_of(lying)
    if lying is not None and condition not in (None, Condition.ABSENT):
        return told(lying, condition)
    return "not installed"


async def cli(
    warden: Warden, adapter: Adapter, settings: Settings, env: Mapping[str, str]
) -> CliFinding:
    """One CLI: where it is, its version, whether it is logged in."""
    wanted = settings.programs.get(adapter.type) or adapter.program
    path: Path | None = find(wanted, env, folders=INSTALL_FOLDERS)
    if path is None:
        return CliFinding(
            type=adapter.type,
            title=adapter.title,
            path=None,
            version=None,
            recorded=adapter.newest_recorded,
            newer=False,
            logged_in=None,
            login=_absence(wanted, env),
            fix=adapter.install_hint,
        )
    child = child_environment(env, adapter.variables, paths=adapter.path_variables)
    code, text = await output(
        warden, [str(path), *adapter.version_argv()[1:]], led_by(child, str(path))
    )
    version = version_in(text) if code == 0 else None
    logged_in, login = await login_of(adapter, warden, path, child)
    return CliFinding(
        type=adapter.type,
        title=adapter.title,
        path=str(path),
        version=version,
        recorded=adapter.newest_recorded,
        newer=is_newer(version, adapter.newest_recorded),
        logged_in=logged_in,
        login=login,
        fix=None if logged_in is not False else adapter.login_hint,
    )


async def clis(
    warden: Warden, settings: Settings, env: Mapping[str, str]
) -> AsyncIterator[CliFinding]:
    """Every CLI that can be asked, one after the other."""
    for type_ in INSTALLED:
        yield await cli(warden, ADAPTERS[type_], settings, env)


async def examine(settings: Settings, env: Mapping[str, str], engine: str) -> Report:
    """The whole report."""
    async with open_warden() as warden:
        found = [finding async for finding in clis(warden, settings, env)]
    return Report(machine=machine(settings, engine), clis=found)
