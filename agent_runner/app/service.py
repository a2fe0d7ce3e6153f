"""The running service: its parts, started in order and stopped in the other order."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import anyio

from agent_runner import wire
from agent_runner.api.context import Context
from agent_runner.app.refusal import refused
from agent_runner.app.state_dir import StateDir
from agent_runner.bus.bus import Bus
from agent_runner.maintenance.caretaker import Caretaker
from agent_runner.maintenance.nightly import every_night
from agent_runner.maintenance.watch import StoreWatch
from agent_runner.replay.transcripts import DEMO_AGENT, demo_options
from agent_runner.runners.headless import Headless
from agent_runner.runners.launcher import Launcher
from agent_runner.runners.warm import WarmPool
from agent_runner.runs.reconcile import interrupt_open_runs
from agent_runner.runs.service import RunService
from agent_runner.settings import Settings
from conversation_store.errors import StoreUnusableError
from conversation_store.lease import Owner
from conversation_store.store import Store, open_store

PATIENCE_AT_END_S = 5.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@asynccontextmanager
async def running_service(
    settings: Settings, state: StateDir, env: Mapping[str, str] = os.environ
) -> AsyncIterator[Context]:
    """The service on a claimed state folder, ready for requests.

    At the end runs are stopped, streams ended, processes gone, the store closed.
    """
    limits = settings.limits
    grace = limits.cancel_grace_ms / 1000
    async with _opened(state) as store, anyio.create_task_group() as tasks:
        watch = StoreWatch(store, state.database, state.backups)
        tasks.start_soon(watch.run)
        await _settle(store, state)
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
        caretaker = Caretaker(
            state,
            keep_backups=settings.maintenance.keep_backups,
            store=store,
            living=lambda run_id: runs.active(run_id) is not None,
            in_service=True,
        )
        if settings.maintenance.enabled:
            tasks.start_soon(every_night, caretaker, settings.maintenance, lambda: runs.idle)
        try:
            yield Context(
                settings=settings,
                store=store,
                bus=bus,
                runs=runs,
                watch=watch,
                caretaker=caretaker,
                version=version("agent-runner"),
                env=env,
            )
        finally:
            with anyio.CancelScope(shield=True):
                store.end_patience(PATIENCE_AT_END_S)
                await runs.close()
                await pool.close()
                bus.close()
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def _opened(state: StateDir) -> AsyncIterator[Store]:
    """The store; UnavailableError if it cannot be used, for those who start the service."""
    owner = Owner(
        name=f"{socket.gethostname()}:{os.getpid()}",
        boot_id=_BOOT_ID.read_text("ascii").strip() if _BOOT_ID.exists() else "unknown",
        since=wire.now(),
    )
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(open_store(state.database, owner=owner))
        except StoreUnusableError as error:
            raise await refused(error, state) from error
        yield store


async def _settle(store: Store, state: StateDir) -> None:
    """What is done on an opened store before traffic is accepted."""
    try:
        await interrupt_open_runs(store)
        await _offer_demo(store, state)
    except StoreUnusableError as error:
        raise await refused(error, state) from error
    _clear(state)


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
