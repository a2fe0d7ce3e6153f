"""Has a conversation's process ready before its first prompt comes."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import msgspec

from agent_runner import wire
from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.bus.channel import Channel
from agent_runner.errors import ConflictError, UnavailableError
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.permission import PermissionRequested
from agent_runner.events.session import SessionStarted
from agent_runner.latch import first_of
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.cli_runner import CliRunner, RunRequest
from agent_runner.runners.launcher import LaunchError
from agent_runner.runners.sink import Asker, BackgroundSink, Resolution
from agent_runner.runners.warm import WarmProcess
from conversation_store.interfaces import Store
from conversation_store.records import ProcessRecord


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A process that waits for a prompt; `reused` if it did so before."""

    conversation_id: str
    process: CliProcess
    reused: bool


class WarmUp:
    """Starts processes without a prompt. One at a time per agent is the caller's promise."""

    def __init__(self, store: Store, runner: CliRunner) -> None:
        self._store = store
        self._runner = runner

    async def start(self, request: RunRequest, channel: Channel) -> Started:
        """The process of the request's conversation, ready for a prompt.

        ConflictError `not_kept` if the CLI has no process that stays; UnavailableError with the
        reason if none can be started, or it is not ready in time.
        """
        conversation_id = request.conversation_id
        form = self._runner.form_for(request)
        if form is Form.ONE_SHOT:
            raise ConflictError(
                "not_kept",
                "this agent's CLI has a process for each prompt, and none that could be ready",
                hint="see limits.warm_processes, and the forms of its CLI in runbooks/clis.md",
            )
        try:
            process = await self._runner.ready(request)
            if process is not None:
                return Started(conversation_id=conversation_id, process=process, reused=True)
            return await self._start(request, channel)
        except LaunchError as error:
            raise UnavailableError(error.code, error.message, hint=error.hint) from error

    async def _start(self, request: RunRequest, channel: Channel) -> Started:
        conversation = await self._store.conversations.get(request.conversation_id)
        session_id = conversation.session_id
        if session_id is not None:
            self._runner.set_back(request, session_id)
        process_id = wire.new_id("proc")
        folder = self._runner.launcher.folder_of(process_id)
        folder.mkdir(mode=0o700)
        request = msgspec.structs.replace(request, raw_path=folder / "start")
        process = await self._runner.start(request, session_id, process_id)
        identity = process.identity
        try:
            await self._store.processes.add(
                ProcessRecord(
                    process_id=identity.process_id,
                    run_id="",
                    conversation_id=request.conversation_id,
                    agent_id=request.agent_id,
                    pid=identity.pid,
                    start_ticks=identity.start_ticks,
                    boot_id=identity.boot_id,
                    started_at=wire.now(),
                )
            )
            await self._runner.go_idle(process, request, IdleSink(self._store, channel))
            with anyio.move_on_after(request.timeouts.start_ms / 1000):
                await first_of(process.ready, process.gone)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await process.end(0)
            raise
        if not (process.ready.is_set() and process.alive):
            await process.end()
            raise UnavailableError(
                "not_ready",
                "the CLI was started, and is not ready for a prompt",
                hint="a run tells why: try one, or see `agent-runner doctor`",
            )
        warm = WarmProcess(request.agent_id, process, request.options, request.timeouts)
        await self._runner.pool.give(request.conversation_id, warm)
        return Started(conversation_id=request.conversation_id, process=process, reused=False)


class IdleSink:
    """Listens to a process that has no run: what it tells belongs to its conversation alone."""

    run_id = ""

    def __init__(self, store: Store, channel: Channel) -> None:
        self._store = store
        self._channel = channel

    async def emit(self, events: Sequence[AgentEvent], *, last: bool = False) -> None:
        """See `runners.sink.Sink`."""
        kept = [event for event in events if not event.ephemeral]
        for event in kept:
            if isinstance(event, SessionStarted):
                await self._store.conversations.set_session(
                    self._channel.conversation_id, event.session_id, now=wire.now()
                )
        await self._channel.emit(None, kept)

    async def rule(self, question: PermissionRequested, asker: Asker) -> Resolution:
        """See `runners.sink.Sink`. Nobody has asked for anything yet."""
        answer = PermissionAnswer(allow=False, message="No prompt was given yet.")
        return Resolution(answer=answer, decided_by="policy")

    async def ask(self, question: PermissionRequested, asker: Asker) -> None:
        """See `runners.sink.Sink`."""

    async def begin_background(self, asker: Asker, caused_by: str) -> BackgroundSink | None:
        """See `runners.sink.Sink`."""
        return None

    async def left(self, asker: Asker, tasks: Sequence[BackgroundTask]) -> None:
        """See `runners.sink.Sink`."""
