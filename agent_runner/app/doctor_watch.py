"""Looks at the installed CLIs now and then: one that no longer tells its version is ill."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import structlog

from agent_runner.agents.base import Adapter
from agent_runner.agents.registry import INSTALL_FOLDERS, adapter_for
from agent_runner.process.condition import condition_of
from agent_runner.process.environment import child_environment, led_by
from agent_runner.process.programs import find, output, version_in
from agent_runner.process.warden import Warden
from agent_runner.routing.router import Router
from agent_runner.settings import Settings
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store

log = structlog.get_logger(__name__)


async def watch_clis(
    store: Store, router: Router, warden: Warden, settings: Settings, env: Mapping[str, str]
) -> None:
    """Ask each CLI in use for its version every `doctor_ms`; the router hears of a failure.

    Runs for ever. One that is not installed is no evidence: tmux cannot run it either.
    """
    while True:
        await anyio.sleep(settings.fallback.automatic.doctor_ms / 1000)
        try:
            types = {agent.type for agent in await store.agents.all()}
        except StoreError as error:
            log.warning("clis_not_looked_at", code=error.code)
            continue
        for type_ in sorted(types):
            adapter = adapter_for(type_)
            trouble = await _trouble(adapter, settings, warden, env)
            if trouble is not None:
                await router.doctor_failed(type_, trouble)


async def _trouble(
    adapter: Adapter, settings: Settings, warden: Warden, env: Mapping[str, str]
) -> str | None:
    argv = adapter.version_argv()
    if not argv:
        return None
    wanted = settings.programs.get(adapter.type) or argv[0]
    path = find(wanted, env, folders=INSTALL_FOLDERS)
    if path is None or condition_of(path) is not None:
        return None  # not there, or being installed: runs say so
    child = child_environment(env, adapter.variables, paths=adapter.path_variables)
    code, text = await output(warden, [str(path), *argv[1:]], led_by(child, str(path)))
    if code == 0 and version_in(text) is not None:
        return None
    how = "hung or could not be started" if code is None else f"exited with {code}"
    return f"{' '.join([path.name, *argv[1:]])} {how} and told no version"
