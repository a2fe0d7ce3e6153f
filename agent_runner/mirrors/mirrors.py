"""Starts the mirrors of shadow runs, compares them, and writes down what came of it."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import anyio
import msgspec
import structlog
from anyio import to_thread

from agent_runner import wire
from agent_runner.agents.guard import Guard
from agent_runner.agents.registry import adapter_for
from agent_runner.attachments.service import AttachmentService
from agent_runner.bus.bus import Bus
from agent_runner.events.shadow import ShadowCompared
from agent_runner.mirrors.gate import Gate
from agent_runner.mirrors.leg import MirrorLeg, NotIsolatedError, options_for, prompt_for
from agent_runner.mirrors.primary import Primary
from agent_runner.mirrors.recorder import LegObserver
from agent_runner.mirrors.workspace import Workspace
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.cli_runner import CliRunner, RunRequest
from agent_runner.runs.announcements import ConversationDeleted, RunBegins, RunEnded
from agent_runner.settings import Settings
from agent_runner.tasks import Tasks
from agent_runner.workspace.git import Git
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import (
    ComparisonResult,
    Figures,
    LegBody,
    NewComparison,
    Reason,
    RunOutcome,
)
from conversation_store.states import RunState
from fallback.plan import CommMode
from shadow.compare import Leg, compare

log = structlog.get_logger(__name__)

SHADOW, SELF = "shadow", "self"
SERVICE_STOPPED = "service_stopped"
_COPY_AFTER_S = 0.05
_MOST_NAMED = 10
_START_AFTER_S = 1.0
"""The primary gets its prompt to its CLI first: until that has printed something, or so long."""


class SkippedError(Exception):
    """No comparison comes of this; the argument is a stable word for why."""


class Side(msgspec.Struct, kw_only=True):
    """What one leg came to."""

    figures: Figures
    body: LegBody
    roots: list[str]


class Mirror:
    """One mirror on its way: its comparison, its folder, and when each part is there."""

    def __init__(self, new: NewComparison, key: str, workspace: Workspace) -> None:
        self.new = new
        self.key = key
        self.workspace = workspace
        self.taken = anyio.Event()
        self.taken_at: str | None = None
        self.over = anyio.Event()
        self.side: Side | None = None
        self.session_id: str | None = None
        self.notes: list[str] = []
        self.finished = False


class Mirrors:
    """Observes runs and is never in the way of one: nothing waits for a mirror."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        runner: CliRunner,
        git: Git,
        tasks: Tasks,
        settings: Settings,
        folder: Path,
        guard: Guard,
        attachments: AttachmentService,
    ) -> None:
        self._guard = guard
        self._attachments = attachments
        self._store = store
        self._bus = bus
        self._runner = runner
        self._git = git
        self._tasks = tasks
        self._all = settings
        self._settings = settings.shadow
        self._folder = folder
        self._keys: set[str] = set()
        self._at_work: set[str] = set()
        self._primaries: dict[str, Primary] = {}
        self._running: dict[str, tuple[anyio.CancelScope, anyio.Event, str]] = {}
        self._closing = False

    @property
    def running(self) -> int:
        """Runs whose comparison is not over."""
        return len(self._running)

    @property
    def living(self) -> list[CliProcess]:
        """Every process of a mirror."""
        return self._runner.living

    def on_begin(self, begins: RunBegins) -> None:
        """Observe runs: have a mirror begin beside one whose plan has one."""
        if begins.plan.mirror is None or self._closing:
            return
        run = begins.run
        self._running[run.run_id] = (anyio.CancelScope(), anyio.Event(), run.conversation_id)
        primary = self._primaries[run.run_id] = Primary(begins, self._settings.output_bytes)
        self._tasks.start_soon(self._shadow, begins, primary)

    def on_ended(self, ended: RunEnded) -> None:
        """Observe runs: one that has a mirror is over."""
        if (primary := self._primaries.get(ended.run_id)) is not None:
            primary.end(ended.outcome)

    def on_deleted(self, deleted: ConversationDeleted) -> None:
        """Observe conversations: end the mirrors of one that is no more."""
        for scope, _, conversation_id in self._running.values():
            if conversation_id == deleted.conversation_id:
                scope.cancel()

    async def gone(self, conversation_id: str) -> None:
        """Return when the mirrors of a conversation that is no more are gone."""
        for _, over, conversation in list(self._running.values()):
            if conversation == conversation_id:
                await over.wait()

    async def close(self) -> None:
        """End every mirror; each is skipped, and gone with its folder and its process."""
        self._closing = True
        for scope, _, _ in list(self._running.values()):
            scope.cancel()
        for _, over, _ in list(self._running.values()):
            await over.wait()

    async def _shadow(self, begins: RunBegins, primary: Primary) -> None:
        run_id = begins.run.run_id
        scope, over, _ = self._running[run_id]
        mirrors = self._reserve(begins)
        try:
            with scope:
                async with anyio.create_task_group() as tasks:
                    channel = await self._bus.channel(begins.run.conversation_id)
                    tasks.start_soon(primary.follow, channel)
                    await self._compared(begins, primary, mirrors)
                    tasks.cancel_scope.cancel()
        except Exception:
            log.exception("shadow_failed_inside", run_id=run_id)
        finally:
            with anyio.CancelScope(shield=True):
                for mirror in mirrors:
                    await self._clean(mirror)
            del self._running[run_id], self._primaries[run_id]
            over.set()

    def _reserve(self, begins: RunBegins) -> list[Mirror]:
        run, plan = begins.run, begins.plan
        assert plan.mirror is not None
        kind = SHADOW if plan.mirror is not plan.mode else SELF
        wanted = [(kind, plan.mode, plan.mirror)]
        if CommMode.HEADLESS in (plan.mode, plan.mirror) and self._sampled(run.run_id):
            wanted.append((SELF, CommMode.HEADLESS, CommMode.HEADLESS))
        mirrors = []
        for number, (kind, first, second) in enumerate(wanted):
            key = f"{run.conversation_id}~{number}"
            new = NewComparison(
                comparison_id=wire.new_id("cmp"),
                conversation_id=run.conversation_id,
                run_id=run.run_id,
                agent_id=begins.agent.agent_id,
                agent_type=begins.agent.type,
                kind=kind,
                primary_mode=first,
                mirror_mode=second,
                created_at=wire.now(),
                skipped_because=self._refusal(key),
            )
            cwd = Path(begins.options.cwd)
            workspace = Workspace(self._git, self._folder / key, cwd, self._settings)
            mirrors.append(Mirror(new, key, workspace))
            if new.skipped_because is None:
                self._keys.add(key)
                self._at_work.add(key)
        return mirrors

    def _refusal(self, key: str) -> str | None:
        if key in self._keys:
            return "mirror_behind"
        return "mirrors_busy" if len(self._at_work) >= self._settings.mirrors else None

    def _sampled(self, run_id: str) -> bool:
        number = int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:4], "big")
        return number < self._settings.self_share * 2**32

    async def _compared(self, begins: RunBegins, primary: Primary, mirrors: list[Mirror]) -> None:
        with anyio.move_on_after(_COPY_AFTER_S):
            await primary.leg.heard.wait()
        for mirror in mirrors:
            await self._store.comparisons.begin(mirror.new)
        begun = [mirror for mirror in mirrors if mirror.new.skipped_because is None]
        async with anyio.create_task_group() as tasks:
            for mirror in begun:
                tasks.start_soon(self._mirror, mirror, begins, primary.leg)
            await primary.done.wait()
            outcome = primary.outcome
            if outcome is None:
                await self._skip(begun, "primary_not_judged")
                tasks.cancel_scope.cancel()
                return
            side: Side | None = None
            for mirror in begun:
                if side is None:
                    side = await self._primary(mirror, primary, outcome)
                await mirror.over.wait()
                if (
                    mirror.taken_at is not None
                    and (primary.first_tool_time or "~") <= mirror.taken_at
                ):
                    mirror.notes.insert(0, "snapshot_late")
                of_primary = mirror is mirrors[0] or begins.plan.mode is CommMode.HEADLESS
                first = side if of_primary else mirrors[0].side
                await self._finish(mirror, first)

    async def _primary(self, mirror: Mirror, primary: Primary, outcome: RunOutcome) -> Side:
        """What the primary came to; its tree is looked at before a later run changes it."""
        await mirror.taken.wait()
        files, diff = await mirror.workspace.changes(mirror=False)
        recorder = primary.leg
        if primary.fell_back:
            # It went another way: this leg had failed.
            code = primary.after_code
            outcome = msgspec.structs.replace(outcome, state=RunState.FAILED, code=code)
        figures = recorder.figures(outcome)
        body = LegBody(
            output=recorder.output(outcome.answer),
            tool_calls=recorder.calls,
            files=files,
            diff=diff and self._runner.launcher.secrets.masked(diff),
        )
        return Side(figures=figures, body=body, roots=mirror.workspace.origin_roots)

    async def _mirror(self, mirror: Mirror, begins: RunBegins, primary: LegObserver) -> None:
        try:
            with anyio.fail_after(self._settings.mirror_ms / 1000):
                await self._run(mirror, begins, primary)
        except TimeoutError:
            await self._skip([mirror], "mirror_timed_out")
        except SkippedError as error:
            await self._skip([mirror], str(error))
        except NotIsolatedError:
            await self._skip([mirror], "cannot_be_isolated")
        except OSError as error:
            log.warning("mirror_failed", run_id=begins.run.run_id, error=str(error))
            await self._skip([mirror], "workspace_failed")
        except Exception:
            log.exception("mirror_failed", run_id=begins.run.run_id)
            await self._skip([mirror], "internal")
        finally:
            self._at_work.discard(mirror.key)
            mirror.taken.set()
            mirror.over.set()

    async def _run(self, mirror: Mirror, begins: RunBegins, primary: LegObserver) -> None:
        workspace, run, agent = mirror.workspace, begins.run, begins.agent
        if not self._runner.launcher.may_enter(begins.options.cwd):
            raise SkippedError("cwd_not_allowed")
        await workspace.take()
        mirror.taken_at = wire.now()
        mirror.taken.set()
        with anyio.move_on_after(_START_AFTER_S):
            await primary.heard.wait()
        kind = mirror.new.kind
        session_id, seen = await self._store.comparisons.history(run.conversation_id, kind)
        runs = await self._store.runs.of_conversation(run.conversation_id)
        partial_history = seen < sum(run_id < run.run_id for run_id in runs)
        options = options_for(begins.options, agent.type, workspace)
        terminal = mirror.new.mirror_mode == CommMode.TMUX
        form = self._runner.form_of(agent.type, options, terminal=terminal)
        attachments = await self._attachments.for_cli(
            run.conversation_id,
            run.attachments,
            inline=form in adapter_for(agent.type).image_forms,
        )
        folder = self._attachments.folder_of(run.conversation_id)
        request = RunRequest(
            run_id=run.run_id,
            conversation_id=run.conversation_id,
            agent_id=agent.agent_id,
            agent_type=agent.type,
            options=options,
            prompt=prompt_for(run.prompt, workspace),
            raw_path=workspace.raw_path,
            timeouts=begins.timeouts,
            warn_on_stall=False,
            hold_ms=self._settings.mirror_ms,
            resume_attempts=1,
            terminal=terminal,
            attachments=attachments,
            reads=str(folder) if folder.is_dir() else None,
        )
        recorder = LegObserver(self._settings.output_bytes)
        patience = self._settings.question_ms / 1000
        gate = Gate(primary, workspace, begins.options, patience, self._guard)
        leg = MirrorLeg(self._store, self._runner, recorder, gate, request, mirror.key)
        outcome = await leg.run(session_id)
        if partial_history or leg.lost_session:
            mirror.notes.append("history_partial")
        files, diff = await workspace.changes(mirror=True)
        if workspace.left_out:
            mirror.notes.append("entries_left_out")
        if files is None:
            mirror.notes.append("files_not_compared")
        body = LegBody(
            output=recorder.output(outcome.answer),
            tool_calls=recorder.calls,
            files=files,
            diff=diff and self._runner.launcher.secrets.masked(diff),
        )
        figures = recorder.figures(outcome)
        mirror.session_id = outcome.session_id
        mirror.side = Side(figures=figures, body=body, roots=workspace.roots)

    async def _finish(self, mirror: Mirror, primary: Side | None) -> None:
        if mirror.finished:
            return
        if mirror.side is None or primary is None:
            await self._skip([mirror], "no_leg_to_compare")
            return
        legs = [
            Leg(figures=side.figures, body=side.body, roots=side.roots)
            for side in (primary, mirror.side)
        ]
        work = partial(compare, *legs, similar_at=self._settings.similar_at)
        outcome = await to_thread.run_sync(work)
        result = ComparisonResult(
            verdict=outcome.verdict,
            similarity=outcome.similarity,
            reasons=[*outcome.reasons, *_left_out(mirror.workspace.left_out)],
            notes=mirror.notes,
            isolation=mirror.workspace.isolation,
            primary_figures=primary.figures,
            mirror_figures=mirror.side.figures,
            primary_body=primary.body,
            mirror_body=mirror.side.body,
            mirror_session=mirror.session_id,
        )
        if await self._end(mirror, result):
            new = mirror.new
            told = ShadowCompared(
                comparison_id=new.comparison_id,
                run_id=new.run_id,
                kind="self" if new.kind == SELF else "shadow",
                verdict=outcome.verdict,
                similarity=outcome.similarity,
            )
            channel = await self._bus.channel(new.conversation_id)
            await channel.emit(None, [told])

    async def _skip(self, mirrors: list[Mirror], because: str) -> None:
        with anyio.CancelScope(shield=True):
            for mirror in mirrors:
                result = ComparisonResult(
                    skipped_because=because, isolation=mirror.workspace.isolation
                )
                await self._end(mirror, result)

    async def _end(self, mirror: Mirror, result: ComparisonResult) -> bool:
        if mirror.finished:
            return False
        mirror.finished = True
        store, new = self._store.comparisons, mirror.new
        return await store.finish(new.comparison_id, result, now=wire.now())

    async def _clean(self, mirror: Mirror) -> None:
        """Nothing is left of a mirror, whatever became of it; raises nothing."""
        if mirror.new.skipped_because is not None:
            return
        try:
            await self._skip([mirror], SERVICE_STOPPED)
        except StoreError as error:  # the next start finds that it is over
            log.warning("comparison_not_ended", code=error.code)
        try:
            await mirror.workspace.remove()
        except Exception:
            log.exception("mirror_not_removed", run_id=mirror.new.run_id)
        self._at_work.discard(mirror.key)
        self._keys.discard(mirror.key)


def _left_out(entries: list[str]) -> list[Reason]:
    if not entries:
        return []
    more = f" and {len(entries) - _MOST_NAMED} more" if len(entries) > _MOST_NAMED else ""
    named = ", ".join(entries[:_MOST_NAMED])
    return [Reason(code="entries_left_out", text=f"neither copied nor compared: {named}{more}")]
