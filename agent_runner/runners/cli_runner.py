"""The headless runner: a prompt, on a warm process if there is one, else on a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import anyio
import msgspec
import structlog

from agent_runner.agents.attachments import Attachment, mentioned
from agent_runner.agents.base import AgentOptions, Form
from agent_runner.agents.registry import adapter_for, forms_of
from agent_runner.events.message import TurnCompleted
from agent_runner.latch import Latch
from agent_runner.process import tree
from agent_runner.process.identity import ProcessIdentity
from agent_runner.process.warden import SpawnError
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.launcher import Launcher, LaunchError, launch_error
from agent_runner.runners.sink import Sink
from agent_runner.runners.warm import WarmPool, WarmProcess
from agent_runner.runners.watchdog import Watchdog
from agent_runner.settings import Timeouts
from agent_runner.tasks import Tasks
from conversation_store.codes import FailureCode

log = structlog.get_logger(__name__)


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, how long it may take, and where its CLI's bytes are kept.

    `reads` is a folder outside the agent's that the CLI has to read, if there is one.
    """

    run_id: str
    conversation_id: str
    agent_id: str
    agent_type: str
    options: AgentOptions
    prompt: str
    raw_path: Path
    timeouts: Timeouts
    warn_on_stall: bool
    hold_ms: int
    resume_attempts: int
    terminal: bool = False
    attachments: list[Attachment] = []
    reads: str | None = None
    more_args: list[str] = []
    more_env: dict[str, str] = {}


class Stop(Protocol):
    """The wish to end a turn early."""

    @property
    def asked(self) -> Latch:
        """Set when it is there."""
        ...

    @property
    def suspends(self) -> bool:
        """True if a turn that waits for an answer is to be left for another process."""
        ...

    def new_wake(self) -> Latch:
        """A latch for the turn that begins: set with the wish, and by the runner at its end."""
        ...

    def expire(self, code: FailureCode) -> None:
        """Note that the turn is ended for a deadline that passed."""
        ...


class Gone(Protocol):
    """Told when a process is gone with all that it started."""

    async def __call__(self, identity: ProcessIdentity) -> None:
        """Forget the process."""
        ...


class CliRunner:
    """Runs prompts; one at a time per conversation is the caller's promise."""

    def __init__(self, launcher: Launcher, pool: WarmPool, tasks: Tasks, on_gone: Gone) -> None:
        self.launcher = launcher
        self.pool = pool
        self._tasks = tasks
        self.on_gone = on_gone
        self._living: dict[str, CliProcess] = {}
        self._stuck: dict[str, ProcessIdentity] = {}

    @property
    def living(self) -> list[CliProcess]:
        """Every process, at work or kept."""
        return list(self._living.values())

    def form_for(self, request: RunRequest) -> Form:
        """The form that the request's prompt is run in."""
        return self.form_of(request.agent_type, request.options, terminal=request.terminal)

    def form_of(self, agent_type: str, options: AgentOptions, *, terminal: bool) -> Form:
        """The terminal if that is asked; else warm, where the CLI offers it and may be kept."""
        if terminal:
            return Form.TERMINAL
        forms = forms_of(adapter_for(agent_type), options)
        return Form.WARM if self.pool.size > 0 and Form.WARM in forms else Form.ONE_SHOT

    def set_back(self, request: RunRequest, session_id: str) -> None:
        """See that the session can be resumed in this very minute."""
        if self.form_for(request) is not Form.ONE_SHOT:
            self.launcher.set_back(request.agent_type, request.options, session_id)

    async def drop(self, conversation_id: str) -> None:
        """End the conversation's warm process, if it has one."""
        await self.pool.drop(conversation_id)

    async def warm(self, request: RunRequest) -> CliProcess | None:
        """The conversation's warm process, if it has one that fits.

        LaunchError if no process could start where it is, or if its UI is not given such a
        prompt: it is left alone then.
        """
        self.check_prompt(request)
        form = self.form_for(request)
        found = self.pool.peek(request.conversation_id)
        here = found is None or self.launcher.check(request.options, found)
        if not here or (found is not None and not self._can_read(request, found)):
            await self.pool.drop(request.conversation_id)
            return None
        return await self.pool.take(request.conversation_id, request.options, form)

    def _can_read(self, request: RunRequest, process: CliProcess) -> bool:
        """False if the process was not told of the folder of files that the prompt mentions."""
        mentions = any(one.data is None for one in request.attachments)
        told = adapter_for(request.agent_type).reading_args(request.reads or "")
        return not (mentions and told) or process.reads == request.reads

    async def start(
        self, request: RunRequest, session_id: str | None, process_id: str
    ) -> CliProcess:
        """A held process that will go on with CLI session `session_id`; LaunchError if it fails.

        No process of the conversation may live besides it: `session_in_use` if one cannot
        be ended.
        """
        if (stuck := self._stuck.get(request.conversation_id)) is not None:
            if not await tree.end(stuck):
                raise LaunchError(
                    FailureCode.SESSION_IN_USE,
                    f"an older process of this conversation (pid {stuck.pid}) cannot be ended",
                    "end it by hand, or end the conversation and start a new one",
                )
            del self._stuck[request.conversation_id]
            await self.on_gone(stuck)
        process = await self.launcher.start(
            request.agent_type,
            request.options,
            self.form_for(request),
            resume=session_id,
            more_args=request.more_args,
            more_env=request.more_env,
            reads=request.reads,
            images=[one.path for one in request.attachments if one.data is not None],
            process_id=process_id,
            raw=request.raw_path,
            end_grace=request.timeouts.cancel_grace_ms / 1000,
        )
        self._living[process_id] = process
        self._tasks.start_soon(self._serve, process, request.conversation_id)
        return process

    def takes(self, request: RunRequest) -> bool:
        """True if the prompt arrives as it is, however long: in a UI, by an editor."""
        if not request.terminal:
            return True
        ui = self.launcher.ui(request.agent_type, request.options)
        whole = mentioned(request.prompt, request.attachments)
        return ui is not None and bool(ui.editor) and ui.refusal(whole) is None

    def check_prompt(self, request: RunRequest) -> None:
        """LaunchError `prompt_refused` if the prompt is for a UI that is not given such a one."""
        if request.terminal:
            whole = mentioned(request.prompt, request.attachments)
            self.launcher.check_prompt(request.agent_type, request.options, whole)

    async def go(self, process: CliProcess, request: RunRequest) -> None:
        """Let a held process begin with the request's prompt, whose `turn` is next.

        LaunchError says why its program cannot be started.
        """
        try:
            await process.go(request.prompt, request.attachments)
        except SpawnError as error:
            await process.end(0)
            raise launch_error(error, request.options, process.program.path) from error

    async def ready(self, request: RunRequest) -> CliProcess | None:
        """The conversation's warm process, which stays where it is, if it fits the request."""
        found = self.pool.peek(request.conversation_id)
        if found is None or not found.alive:
            return None
        warm = await self.warm(request)
        if warm is None:
            return None
        kept = WarmProcess(request.agent_id, warm, request.options, request.timeouts)
        await self.pool.give(request.conversation_id, kept)
        return warm

    async def go_idle(self, process: CliProcess, request: RunRequest, sink: Sink) -> None:
        """Let a held process begin without a prompt; LaunchError as `go`."""
        process.listen(sink)
        try:
            await process.go(None)
        except SpawnError as error:
            await process.end(0)
            raise launch_error(error, request.options, process.program.path) from error

    async def turn(
        self, process: CliProcess, request: RunRequest, sink: Sink, stop: Stop, *, cold: bool
    ) -> TurnCompleted:
        """Run the prompt on `process`; `stop`, or a deadline, ends it early.

        `cold` is the first turn of a process, which did `go` with the prompt. A warm one is
        kept for the next turn.
        """
        try:
            turn_result = await self._turn_result(process, request, sink, stop, cold=cold)
        except BaseException:
            # Nobody watches it any more.
            await process.end(0)
            raise
        if turn_result.code == FailureCode.AUTH_REQUIRED or turn_result.untouched:
            # Who logs in now does so outside: only a new process reads the new credentials. And
            # what took no prompt will not take the next one either.
            await process.end()
        elif process.form is not Form.ONE_SHOT or process.background.working:
            warm = WarmProcess(request.agent_id, process, request.options, request.timeouts)
            await self.pool.give(request.conversation_id, warm)
            if process.background.working:
                self._tasks.start_soon(self._after_work, request.conversation_id, process)
        return turn_result

    async def _after_work(self, conversation_id: str, process: CliProcess) -> None:
        await process.background.rest()
        await self.pool.rested(conversation_id, process)

    async def _turn_result(
        self, process: CliProcess, request: RunRequest, sink: Sink, stop: Stop, *, cold: bool
    ) -> TurnCompleted:
        wake = stop.new_wake()
        prompt = None if cold else request.prompt
        await process.begin(prompt, request.attachments, sink, request.raw_path, wake)
        await self._watch(process, request, sink, stop, wake, cold=cold)
        if not process.turn_over:
            if process.questions.waiting and (stop.suspends or not stop.asked.is_set()):
                # Killed, so that it does not take the end of its input for a denial.
                await process.end(0)
            else:
                await process.stop_turn(request.timeouts.cancel_grace_ms / 1000)
        return await process.turn_result()

    async def _watch(
        self,
        process: CliProcess,
        request: RunRequest,
        sink: Sink,
        stop: Stop,
        wake: Latch,
        *,
        cold: bool,
    ) -> None:
        """Return when the turn is over, is to be ended, or waited for an answer for too long."""
        watchdog = Watchdog(
            process, request.timeouts, anyio.current_time(), hold_ms=request.hold_ms, cold=cold
        )
        while not (stop.asked.is_set() or process.turn_over):
            now = anyio.current_time()
            deadline = watchdog.next()
            if deadline.due > now:
                with anyio.move_on_after(watchdog.wait(deadline, now)):
                    await wake.wait()
                continue
            if deadline.name == "hold":
                if not process.background.working:
                    return
                # Its end would lose that work; the answer is waited for as long as that is on.
                with anyio.move_on_after(request.hold_ms / 1000):
                    await wake.wait()
                continue
            if request.warn_on_stall and deadline.code is FailureCode.STALLED:
                watchdog.forgive(now)
                await sink.emit([deadline.event("warn")])
                continue
            stop.expire(deadline.code)
            await sink.emit([deadline.event("cancel")])

    async def _serve(self, process: CliProcess, conversation_id: str) -> None:
        identity = process.identity
        try:
            await process.serve()
        finally:
            del self._living[identity.process_id]
            self.launcher.clean(identity.process_id)
            if process.left_over:
                log.error("process_left_over", pid=process.pid, conversation_id=conversation_id)
                self._stuck[conversation_id] = identity
            else:
                with anyio.CancelScope(shield=True):
                    await self.on_gone(identity)
