"""Runs a prompt a second time: in its own place and CLI session, seen by nobody."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec

from agent_runner import quoting, wire
from agent_runner.agents import flags
from agent_runner.agents.base import AgentOptions
from agent_runner.agents.registry import adapter_for, asking_flags
from agent_runner.errors import AgentRunnerError
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.permission import PermissionRequested
from agent_runner.mirrors.gate import Gate
from agent_runner.mirrors.recorder import LegObserver
from agent_runner.mirrors.workspace import Workspace
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.cli_runner import CliRunner, RunRequest
from agent_runner.runners.launcher import LaunchError
from agent_runner.runners.sink import Asker, BackgroundSink, Resolution
from agent_runner.runs.outcome import failed, judge
from agent_runner.runs.stop import StopSignal
from conversation_store.codes import FailureCode
from conversation_store.interfaces import Store
from conversation_store.records import ProcessRecord, RunOutcome
from conversation_store.states import Isolation


class NotIsolatedError(Exception):
    """The CLI cannot be kept from writing in the agent's own folder."""


class MirrorLeg:
    """One mirror run; its sink, and the wish to end it. `key` names its sessions."""

    def __init__(
        self,
        store: Store,
        runner: CliRunner,
        recorder: LegObserver,
        gate: Gate,
        request: RunRequest,
        key: str,
    ) -> None:
        self.lost_session = False
        self._stop = StopSignal()
        self._store = store
        self._runner = runner
        self._recorder = recorder
        self._gate = gate
        self._request = msgspec.structs.replace(request, conversation_id=key)
        self._conversation_id = request.conversation_id

    @property
    def run_id(self) -> str:
        """See `runners.sink.Sink`."""
        return self._request.run_id

    async def begin_background(self, asker: Asker, caused_by: str) -> BackgroundSink | None:
        """A mirror is compared by its answer; its process ends with it."""
        return None

    async def left(self, asker: Asker, tasks: Sequence[BackgroundTask]) -> None:
        """Nobody waits for it."""

    async def emit(self, events: Sequence[AgentEvent], *, last: bool = False) -> None:
        """See `runners.sink.Sink`: kept for the comparison, and nowhere else."""
        self._recorder.take(events)

    async def rule(self, question: PermissionRequested, asker: Asker) -> Resolution:
        """See `runners.sink.Sink`."""
        return await self._gate.rule(question)

    async def ask(self, question: PermissionRequested, asker: Asker) -> None:
        """No person is ever asked: `rule` answers everything."""
        raise AssertionError("a mirror asks nobody")

    async def run(self, session_id: str | None) -> RunOutcome:
        """The end of the leg, with all its processes gone. An unknown session is begun anew."""
        begun = anyio.current_time()
        try:
            turn_result = await self._attempt(session_id)
            if session_id is not None and turn_result.code == FailureCode.SESSION_NOT_FOUND:
                self.lost_session = True
                turn_result = await self._attempt(None)
            adapter = adapter_for(self._request.agent_type)
            outcome = judge(turn_result, self._stop.reason, adapter)
        except (LaunchError, AgentRunnerError) as error:
            outcome = failed(error.code, error.message)
        elapsed = round((anyio.current_time() - begun) * 1000)
        return msgspec.structs.replace(
            outcome, duration_ms=elapsed, session_id=self._recorder.session_id
        )

    async def _attempt(self, session_id: str | None) -> TurnCompleted:
        self._runner.check_prompt(self._request)
        process = await self._runner.start(self._request, session_id, wire.new_id("proc"))
        try:
            await self._store.processes.add(self._record(process))
            await self._runner.go(process, self._request)
            turn_result = await self._runner.turn(
                process, self._request, self, self._stop, cold=True
            )
            if process.session_id is not None:
                self._recorder.opened(process.session_id)
            return turn_result
        finally:
            with anyio.CancelScope(shield=True):
                await self._runner.drop(self._request.conversation_id)
                await process.end()

    def _record(self, process: CliProcess) -> ProcessRecord:
        identity = process.identity
        return ProcessRecord(
            process_id=identity.process_id,
            run_id=self._request.run_id,
            conversation_id=self._conversation_id,
            agent_id=self._request.agent_id,
            pid=identity.pid,
            start_ticks=identity.start_ticks,
            boot_id=identity.boot_id,
            started_at=wire.now(),
        )


def options_for(options: AgentOptions, agent_type: str, workspace: Workspace) -> AgentOptions:
    """The agent's options for its mirror: in the mirror's folder, and asked before each tool.

    NotIsolatedError if the mirror is to be in the agent's folder and cannot be held back, or
    if the agent's own flags may keep the CLI from asking.
    """
    adapter = adapter_for(agent_type)
    asking = asking_flags(adapter)
    extra_args = [word for word in options.extra_args if word not in asking.unasked]
    if any(flags.names_one_of(word, asking.unasked | asking.letting) for word in extra_args):
        raise NotIsolatedError
    changed = msgspec.structs.replace(
        options,
        cwd=str(workspace.cwd),
        permission_mode=None,
        allowed_tools=[],
        permissions="ask",
        extra_args=extra_args,
        system_prompt=_moved(options.system_prompt, workspace),
    )
    if workspace.isolation is not Isolation.READ_ONLY:
        return changed
    if adapter.writing_tools is None:
        raise NotIsolatedError
    denied = [*options.denied_tools, *adapter.writing_tools]
    return msgspec.structs.replace(changed, denied_tools=denied)


def prompt_for(prompt: str, workspace: Workspace) -> str:
    """The prompt, with the agent's folder named as the mirror's."""
    return _moved(prompt, workspace) or prompt


def _moved(text: str | None, workspace: Workspace) -> str | None:
    if text is None or workspace.isolation is Isolation.READ_ONLY:
        return text
    for root, origin in zip(workspace.roots, workspace.origin_roots, strict=True):
        if len(Path(origin).parts) > 1:
            text = root.join(re.split(quoting.regex(origin) + r"(?![\w.-])", text))
    return text
