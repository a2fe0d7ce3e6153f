"""The running service: its parts, started in order and stopped in the other order."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import anyio
import structlog
from anyio import to_thread

from agent_runner import wire
from agent_runner.agents.guard import Guard
from agent_runner.agents.replay.transcripts import DEMO_AGENT, demo_options
from agent_runner.agents.secrets import secrets_of
from agent_runner.api.changes import Changes
from agent_runner.api.context import Context
from agent_runner.api.health import health_json
from agent_runner.api.logins import Logins
from agent_runner.app.background import Background
from agent_runner.app.clock_watch import watch_clock
from agent_runner.app.database import described, open_store
from agent_runner.app.doctor_watch import watch_clis
from agent_runner.app.loop_watch import watch_loop
from agent_runner.app.startup_error import refused
from agent_runner.app.state_dir import StateDir
from agent_runner.approvals.hooks import Hooks
from agent_runner.approvals.service import ApprovalService
from agent_runner.attachments.files import AttachmentFiles
from agent_runner.attachments.service import AttachmentService
from agent_runner.bus.bus import Bus
from agent_runner.clock import Clock
from agent_runner.errors import AgentRunnerError
from agent_runner.events.approval import (
    ApprovalMoved,
    ApprovalRequested,
    ApprovalResolved,
)
from agent_runner.events.run import PromptSteered, RunFinished, RunQueued, RunStarted
from agent_runner.events.session import SessionClosed, SessionWarning
from agent_runner.events.toggle import ToggleCleared, ToggleExpired, ToggleSet
from agent_runner.folders import remove
from agent_runner.maintenance.nightly import Nightly, every_night
from agent_runner.maintenance.retention import Retention
from agent_runner.maintenance.service import Maintenance
from agent_runner.maintenance.store_watch import StoreWatch
from agent_runner.mirrors.evidence import Evidence, check_tmux_may_go
from agent_runner.mirrors.mirrors import SERVICE_STOPPED, Mirrors
from agent_runner.process.identity import ProcessIdentity, boot_id
from agent_runner.process.warden import Warden, open_warden
from agent_runner.routing.circuits import Circuits
from agent_runner.routing.guards import Guards
from agent_runner.routing.router import Router
from agent_runner.routing.terminals import Terminals
from agent_runner.routing.toggles import Toggles
from agent_runner.routing.trials import Trials
from agent_runner.runners.cli_runner import CliRunner
from agent_runner.runners.launcher import Launcher
from agent_runner.runners.secrets import Secrets
from agent_runner.runners.warm import WarmPool
from agent_runner.runs.announcements import ConversationDeleted, RunBegins, RunEnded, RunOver
from agent_runner.runs.background_runs import BackgroundRuns
from agent_runner.runs.driver import RunDriver
from agent_runner.runs.factory import RunFactory
from agent_runner.runs.processes import Processes
from agent_runner.runs.raw_files import RawFiles
from agent_runner.runs.reconcile import Reconciliation, interrupt, reconcile
from agent_runner.runs.recovery import Recovery
from agent_runner.runs.registry import ActiveRuns
from agent_runner.runs.rotation import Rotation
from agent_runner.runs.service import RunService
from agent_runner.runs.session_watch import SessionWatch
from agent_runner.settings import Settings
from agent_runner.tickets import TicketService
from agent_runner.troubles import Troubles
from agent_runner.workspace.git import Git
from agent_runner.workspace.snapshots import Snapshots
from conversation_store.errors import StoreError, StoreUnusableError
from conversation_store.interfaces import Store
from conversation_store.records import Owner, RunRecord
from fallback.decide import ShadowLegs
from fallback.plan import CommMode

log = structlog.get_logger(__name__)

PATIENCE_AT_END_S = 5.0
AGENT_EVENTS = (
    *(RunStarted, RunFinished, SessionClosed, PromptSteered),
    *(ApprovalRequested, ApprovalResolved, ApprovalMoved),
)
"""What changes how an agent is."""


@asynccontextmanager
async def running_service(
    settings: Settings,
    state: StateDir,
    env: Mapping[str, str] = os.environ,
    descriptors: int | None = None,
    secrets: Secrets | None = None,
    troubles: Troubles | None = None,
) -> AsyncIterator[Context]:
    """The service on a claimed state folder, ready for requests.

    CLIs get the soft limit of `descriptors`, or the service's own. `secrets` learns what is
    masked in all that is kept and told, `troubles` whom to ask for what /health tells.
    At the end runs are stopped, streams ended, processes gone, the store closed.
    """
    async with (
        _opened(state) as store,
        watch_loop(),
        open_warden(state.umask, descriptors) as warden,
        anyio.create_task_group() as task_group,
    ):
        tasks = Background(task_group)
        troubles = troubles or Troubles()
        troubles.watch(tasks.troubles)
        watch = StoreWatch(store, state.backups)
        troubles.watch(watch.troubles)
        tasks.keep("store watch", watch.run)
        circuits = Circuits(store, settings.breaker)
        clock = Clock()
        bus = Bus(store, tasks)
        toggles = Toggles(store, bus.observers, clock)
        guards = Guards(store, toggles, settings.fallback.automatic)
        logins = Logins(store.logins, settings.server.login_ms / 1000)
        launcher = _launcher(settings, state, warden, env, secrets or Secrets())
        recovery = Recovery(
            store, RawFiles(state.raw), settings.limits.line_bytes, launcher.secrets_of
        )
        report, queued = await _settle(
            store, state, settings, circuits, toggles, logins, recovery, launcher.secrets
        )
        guards.load()
        bus.observers.observe_announced(guards.on_toggle, ToggleSet, ToggleCleared, ToggleExpired)
        tickets = TicketService(store.tickets, clock)
        hooks = Hooks(store, settings.hooks, tasks, env)
        if hooks.any:
            bus.observers.observe(hooks.on_requested, ApprovalRequested)
        guard = Guard(_names(state.root), env, readable=_names(state.attachments))
        files = AttachmentFiles(state.attachments)
        await to_thread.run_sync(files.prepare)
        attachments = AttachmentService(store, files, settings.attachments)
        tasks.keep("attachments", attachments.keep_clear)
        approvals = ApprovalService(store, bus, settings.approvals, guard, clock)
        runner = _cli_runner(settings, launcher, store, bus, tasks)
        terminals = Terminals(settings.programs, env, enabled=settings.tmux.enabled)
        router = Router(
            toggles,
            guards,
            circuits,
            terminals,
            ShadowLegs(
                primary=CommMode(settings.shadow.primary),
                against_itself=settings.shadow.against == "self",
            ),
        )
        look = partial(health_json, watch, troubles, launcher.drift, version("agent-runner"))
        changes = Changes(look, tasks)
        git = Git(warden, env, settings.shadow.git_ms / 1000)
        snapshots = Snapshots(git, state.snapshots)
        bus.observers.observe_announced(
            lambda begins: tasks.start_soon(_snapshot, snapshots, store, begins), RunBegins
        )
        bus.observers.observe(changes.on_queued, RunQueued)
        bus.observers.observe(changes.on_event, *AGENT_EVENTS)
        bus.observers.observe_announced(changes.on_over, RunOver)
        mirrors = _mirrors(settings, state, runner, store, bus, tasks, git, guard, attachments)
        bus.observers.observe_announced(mirrors.on_begin, RunBegins)
        bus.observers.observe_announced(mirrors.on_ended, RunEnded)
        bus.observers.observe_announced(mirrors.on_deleted, ConversationDeleted)
        bus.observers.observe_announced(
            lambda gone: tasks.start_soon(
                attachments.conversation_gone, gone.conversation_id, gone.attachments
            ),
            ConversationDeleted,
        )
        runs = _runs(settings, state, store, bus, runner, router, approvals, attachments, tasks)
        maintenance = Maintenance(
            state,
            keep_backups=settings.maintenance.keep_backups,
            store=store,
            living=lambda run_id: runs.active.get(run_id) is not None,
            give_up=runs.give_up,
        )
        if settings.maintenance.enabled:
            retention = Retention(store, settings.maintenance, clock)
            nightly = Nightly.after(settings.maintenance.hour, maintenance)
            troubles.watch(nightly.troubles)
            nights = partial(every_night, nightly, maintenance, retention, lambda: runs.idle)
            tasks.keep("maintenance", nights)
        try:
            for run in queued:
                await _resume(runs, store, run)
            tasks.keep("approvals", approvals.keep_time)
            tasks.keep("toggles", toggles.keep_time)
            tasks.keep("clock", partial(watch_clock, clock, store, toggles, approvals))
            if settings.fallback.automatic.enabled:
                doctor = partial(watch_clis, store, router, warden, settings, env)
                tasks.keep("doctor", doctor)
            if hooks.any:
                await hooks.tell_waiting()
            yield Context(
                settings=settings,
                store=store,
                bus=bus,
                runs=runs,
                runner=runner,
                circuits=circuits,
                toggles=toggles,
                router=router,
                terminals=terminals,
                approvals=approvals,
                mirrors=mirrors,
                evidence=Evidence(store, settings.shadow.criteria),
                tickets=tickets,
                warden=warden,
                raw_dir=state.raw,
                reconciliation=report,
                watch=watch,
                maintenance=maintenance,
                troubles=troubles,
                attachments=attachments,
                changes=changes,
                logins=logins,
                snapshots=snapshots,
                version=version("agent-runner"),
                engine=described(),
                env=env,
            )
        finally:
            with anyio.CancelScope(shield=True):
                store.end_patience(PATIENCE_AT_END_S)
                tickets.close()
                await runs.close()
                await mirrors.close()
                await runner.pool.close()
                approvals.feed.close()
                toggles.feed.close()
                changes.close()
                await bus.close()
            task_group.cancel_scope.cancel()


def _launcher(
    settings: Settings,
    state: StateDir,
    warden: Warden,
    env: Mapping[str, str],
    secrets: Secrets,
) -> Launcher:
    limits = settings.limits
    addresses = [webhook.url for webhook in settings.hooks.webhooks]
    secrets.add(secrets_of({"command": [*settings.hooks.command, *addresses]}))
    secrets.add(webhook.secret for webhook in settings.hooks.webhooks)
    return Launcher(
        warden,
        private_dir=state.private,
        programs=settings.programs,
        line_limit=limits.line_bytes,
        raw_limit=settings.logs.run_bytes,
        resources=settings.resources,
        allowed_roots=settings.allowed_roots,
        own_roots=(state.mirrors, state.workspace),
        state_dir=state.root,
        secrets=secrets,
        env=env,
    )


def _cli_runner(
    settings: Settings, launcher: Launcher, store: Store, bus: Bus, tasks: Background
) -> CliRunner:
    limits, supervision = settings.limits, settings.supervision

    async def tell(conversation_id: str, event: SessionWarning | SessionClosed) -> None:
        await (await bus.channel(conversation_id)).emit(None, [event])

    async def forget(identity: ProcessIdentity) -> None:
        try:
            await store.processes.forget(identity.process_id)
        except StoreError as error:  # the next service finds that it is gone
            log.warning("process_not_forgotten", pid=identity.pid, code=error.code)

    pool = WarmPool(
        limits.warm_processes,
        supervision.session_warning_ms / 1000,
        limits.warm_memory_floor_bytes,
        tell,
    )
    tasks.keep("warm processes", pool.keep_time)
    tasks.keep("memory", pool.keep_memory)
    return CliRunner(launcher, pool, tasks, forget)


def _mirrors(
    settings: Settings,
    state: StateDir,
    runner: CliRunner,
    store: Store,
    bus: Bus,
    tasks: Background,
    git: Git,
    guard: Guard,
    attachments: AttachmentService,
) -> Mirrors:
    """Mirrors with processes of their own: none is kept, and none of a conversation's is taken."""
    pool = WarmPool(settings.limits.warm_processes, 0, 0, _tell_nobody)
    apart = CliRunner(runner.launcher, pool, tasks, runner.on_gone)
    return Mirrors(store, bus, apart, git, tasks, settings, state.mirrors, guard, attachments)


def _runs(
    settings: Settings,
    state: StateDir,
    store: Store,
    bus: Bus,
    runner: CliRunner,
    router: Router,
    approvals: ApprovalService,
    attachments: AttachmentService,
    tasks: Background,
) -> RunService:
    observers, active = bus.observers, ActiveRuns()
    sessions = SessionWatch(store, bus, runner)
    observers.observe_announced(partial(tasks.start_soon, sessions.on_over), RunOver)
    rotation = Rotation(store, RawFiles(state.raw), settings.logs)
    observers.observe_announced(partial(tasks.start_soon, rotation.on_over), RunOver)
    observers.observe_announced(rotation.on_deleted, ConversationDeleted)
    driver = RunDriver(
        store,
        Processes(store, runner, tasks),
        router,
        Trials(router, bus, tasks),
        approvals,
        settings,
        state.raw,
        observers,
        sessions,
        attachments,
    )
    factory = RunFactory(store, approvals, attachments)
    background = BackgroundRuns(store, bus, runner, factory, driver, active, tasks)
    return RunService(
        store,
        bus,
        runner,
        router,
        factory,
        driver,
        background,
        active,
        sessions,
        attachments,
        tasks,
        settings,
    )


def _names(folder: Path) -> set[str]:
    return {str(folder.absolute()), str(folder.resolve())}


async def _snapshot(snapshots: Snapshots, store: Store, begins: RunBegins) -> None:
    """Note how the agent's folder is as a run begins."""
    tree = await snapshots.take(Path(begins.options.cwd))
    if tree is not None:
        await store.runs.note_tree(begins.run.run_id, tree)


async def _tell_nobody(conversation_id: str, event: SessionWarning | SessionClosed) -> None:
    pass


async def _resume(runs: RunService, store: Store, run: RunRecord) -> None:
    try:
        await runs.resume(run)
    except (AgentRunnerError, StoreError) as error:
        await interrupt(store, run, f"the run was {run.state} and cannot go on: {error}")


@asynccontextmanager
async def _opened(state: StateDir) -> AsyncIterator[Store]:
    """The store; UnavailableError if it cannot be used, for those who start the service."""
    owner = Owner(
        name=f"{socket.gethostname()}:{os.getpid()}",
        boot_id=boot_id() or "unknown",
        since=wire.now(),
    )
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(open_store(state.database, owner=owner))
        except StoreUnusableError as error:
            raise await refused(error, state) from error
        yield store


async def _settle(
    store: Store,
    state: StateDir,
    settings: Settings,
    circuits: Circuits,
    toggles: Toggles,
    logins: Logins,
    recovery: Recovery,
    secrets: Secrets,
) -> tuple[Reconciliation, list[RunRecord]]:
    """What is done on an opened store before traffic is accepted.

    UnavailableError `tmux_still_needed` if the settings take tmux away too early.
    """
    files = RawFiles(state.raw)
    try:
        if (because := await check_tmux_may_go(store, settings)) is not None:
            log.warning("tmux_disabled", because=because)
        await store.comparisons.skip_running(SERVICE_STOPPED, now=wire.now())
        settled = await reconcile(
            store,
            resume_queued=settings.supervision.resume_queued,
            prompted=lambda run_id: files.size(run_id) is not None,
            recover=recovery.of,
        )
        await circuits.load()
        await toggles.load()
        await logins.load()
        for agent in await store.agents.all():
            secrets.of(agent.options)
        longest_s = settings.approvals.longest_ms / 1000
        await store.deadlines.bound(latest=wire.later(wire.now(), longest_s))
        await _offer_demo(store, state)
    except StoreUnusableError as error:
        raise await refused(error, state) from error
    _clear(state)
    return settled


async def _offer_demo(store: Store, state: StateDir) -> None:
    """Register the replay agent on a new state folder, so that a first chat works at once."""
    if not await store.agents.all():
        options = demo_options(str(state.workspace))
        await store.agents.add(
            DEMO_AGENT, agent_type="replay", comm_mode="headless", options=options, now=wire.now()
        )


def _clear(state: StateDir) -> None:
    """Remove what processes and mirrors of an earlier service have left."""
    for folder in (*state.private.iterdir(), *state.mirrors.iterdir()):
        remove(folder)
