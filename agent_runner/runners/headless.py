"""The headless runner: a prompt, on a warm process if there is one, else on a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import anyio
import msgspec
from anyio.abc import TaskGroup

from agent_runner.agents.base import AgentOptions, Form
from agent_runner.agents.registry import adapter_for, forms_of
from agent_runner.errors import FailureCode
from agent_runner.events import TurnCompleted
from agent_runner.runners.launcher import Launcher
from agent_runner.runners.live import LiveCli, Sink
from agent_runner.runners.warm import WarmPool


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and where its CLI's bytes are kept."""

    run_id: str
    conversation_id: str
    agent_type: str
    options: AgentOptions
    prompt: str
    raw_path: Path


class Stop(Protocol):
    """The wish to end a turn early."""

    @property
    def asked(self) -> anyio.Event:
        """Set when it is there."""
        ...

    def time_is_over(self) -> None:
        """Note that the turn is ended for its time."""
        ...


class Headless:
    """Runs prompts; one at a time per conversation is the caller's promise."""

    def __init__(self, launcher: Launcher, pool: WarmPool, tasks: TaskGroup, grace: float) -> None:
        self.launcher = launcher
        self._pool = pool
        self._tasks = tasks
        self._grace = grace

    def form_for(self, request: RunRequest) -> Form:
        """Warm where the CLI offers it and processes may be kept."""
        warm = self._pool.size > 0 and Form.WARM in forms_of(
            adapter_for(request.agent_type), request.options
        )
        return Form.WARM if warm else Form.ONE_SHOT

    async def drop(self, conversation_id: str) -> None:
        """End the conversation's warm process, if it has one."""
        await self._pool.drop(conversation_id)

    async def kept(self, request: RunRequest) -> LiveCli | None:
        """The conversation's warm process, if it has one that fits."""
        if self.form_for(request) is Form.ONE_SHOT:
            return None
        return await self._pool.take(request.conversation_id, request.options)

    def start(self, request: RunRequest, session_id: str | None) -> LiveCli:
        """A new process that goes on with CLI session `session_id`; LaunchError if it fails."""
        live = self.launcher.start(
            request.agent_type,
            request.options,
            self.form_for(request),
            resume=session_id,
            marker=request.run_id,
            raw=request.raw_path,
        )
        self._tasks.start_soon(self._serve, live, request.run_id)
        return live

    async def turn(
        self, live: LiveCli, request: RunRequest, sink: Sink, stop: Stop, timeout: float
    ) -> TurnCompleted:
        """Run the prompt on `live`; `stop`, or `timeout` seconds, end it early.

        A warm process is kept for the next turn.
        """
        verdict: TurnCompleted | None = None
        async with anyio.create_task_group() as tasks:

            async def stopper() -> None:
                with anyio.move_on_after(timeout):
                    await stop.asked.wait()
                if not stop.asked.is_set():
                    stop.time_is_over()
                await live.stop_turn(self._grace)

            tasks.start_soon(stopper)
            verdict = await live.turn(request.prompt, sink, request.raw_path)
            tasks.cancel_scope.cancel()
        assert verdict is not None
        if verdict.code == FailureCode.AUTH_REQUIRED:
            # Who logs in now does so outside: only a new process reads the new credentials.
            await live.end()
        elif live.form is Form.WARM:
            await self._pool.give(request.conversation_id, live, request.options)
        return verdict

    async def _serve(self, live: LiveCli, marker: str) -> None:
        try:
            await live.serve()
        finally:
            self.launcher.clean(marker)
