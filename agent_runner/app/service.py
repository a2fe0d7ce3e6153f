"""The running service: its parts, started in order and stopped in the other order."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import anyio

from agent_runner import wire
from agent_runner.api.context import Context
from agent_runner.app.state_dir import StateDir
from agent_runner.bus.bus import Bus
from agent_runner.errors import UnavailableError
from agent_runner.replay.transcripts import DEMO_AGENT, demo_options
from agent_runner.runners.headless import Headless
from agent_runner.runners.launcher import Launcher
from agent_runner.runners.warm import WarmPool
from agent_runner.runs.reconcile import interrupt_open_runs
from agent_runner.runs.service import RunService
from agent_runner.settings import Settings
from conversation_store.errors import StoreUnusableError
from conversation_store.store import Store, open_store


@asynccontextmanager
async def running_service(
    settings: Settings, state: StateDir, env: Mapping[str, str] = os.environ
) -> AsyncIterator[Context]:
    """The service on a claimed state folder, ready for requests.

    At the end runs are stopped, streams ended, processes gone, the store closed.
    """
    limits = settings.limits
    grace = limits.cancel_grace_ms / 1000
    async with _opened(state.database) as store:
        await interrupt_open_runs(store)
        await _offer_demo(store, state)
        _clear(state)
        async with anyio.create_task_group() as tasks:
            bus = Bus(store, tasks)
            launcher = Launcher(
                private_dir=state.private,
                programs=settings.programs,
                line_limit=limits.line_bytes,
                raw_limit=limits.raw_log_bytes,
                end_grace=grace,
                env=env,
            )
            pool = WarmPool(limits.warm_processes, limits.warm_idle_ms / 1000)
            tasks.start_soon(pool.close_idle)
            headless = Headless(launcher, pool, tasks, grace)
            runs = RunService(store, bus, headless, tasks, limits, state.raw)
            try:
                yield Context(
                    settings=settings,
                    store=store,
                    bus=bus,
                    runs=runs,
                    version=version("agent-runner"),
                    env=env,
                )
            finally:
                with anyio.CancelScope(shield=True):
                    await runs.close()
                    await pool.close()
                    bus.close()
                tasks.cancel_scope.cancel()


@asynccontextmanager
async def _opened(database: Path) -> AsyncIterator[Store]:
    """The store; UnavailableError if it cannot be used, for those who start the service."""
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(open_store(database))
        except StoreUnusableError as error:
            raise UnavailableError(error.code, error.message) from error
        yield store


async def _offer_demo(store: Store, state: StateDir) -> None:
    """Register the replay agent on a new state folder, so that a first chat works at once."""
    if not await store.agents.all():
        options = demo_options(str(state.workspace))
        await store.agents.add(
            DEMO_AGENT, agent_type="replay", comm_mode="headless", options=options, now=wire.now()
        )


def _clear(state: StateDir) -> None:
    """Remove the private files of processes of an earlier service."""
    for folder in state.private.iterdir():
        shutil.rmtree(folder)
