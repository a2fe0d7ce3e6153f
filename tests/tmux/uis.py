"""A scripted terminal UI behind the real runner, and a listener that keeps what it is told."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from agent_runner.agents.base import AgentOptions, PermissionAnswer
from agent_runner.api.context import Context
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.permission import PermissionRequested
from agent_runner.latch import Latch
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.cli_runner import RunRequest
from agent_runner.runners.sink import ASK_A_PERSON, Asker, AskPerson, Resolution
from agent_runner.settings import Timeouts
from conversation_store.codes import FailureCode


class Listener:
    """Keeps events; answers questions with `answers`, one by one."""

    def __init__(self, *answers: PermissionAnswer) -> None:
        self.events: list[AgentEvent] = []
        self._answers = list(answers)

    run_id = "run"

    async def emit(self, events: Any, *, last: bool = False) -> None:
        self.events += events

    async def begin_background(self, asker: Asker, caused_by: str) -> None:
        return None

    async def left(self, asker: Asker, tasks: Any) -> None:
        pass

    async def ask(self, question: PermissionRequested, asker: Asker) -> None:
        self.events.append(question)

    async def rule(self, question: PermissionRequested, asker: Asker) -> Resolution | AskPerson:
        if not self._answers:
            return ASK_A_PERSON
        return Resolution(answer=self._answers.pop(0), decided_by="human")

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class Never:
    """A stop that comes when it is asked."""

    suspends = False

    def __init__(self) -> None:
        self.asked = Latch()
        self._wake = Latch()

    def new_wake(self) -> Latch:
        self._wake = Latch()
        return self._wake

    def ask(self) -> None:
        self.asked.set()
        self._wake.set()

    def expire(self, code: FailureCode) -> None:
        raise AssertionError(f"a deadline passed: {code}")


class Ui:
    """One agent with its folder, in one service."""

    def __init__(self, ctx: Context, folder: Path, **odd: Any) -> None:
        self.ctx = ctx
        self.cwd = folder / "work"
        self.home = folder / "claude"
        self.raw = folder / "raw"
        self.cwd.mkdir(exist_ok=True)
        env = {"CLAUDE_CONFIG_DIR": str(self.home), "SCRIPTED_UI": json.dumps(odd)}
        self.options = AgentOptions(cwd=str(self.cwd), env=env)
        self._count = 0
        self._name = secrets.token_hex(4)

    def request(self, prompt: Any, *, terminal: bool = True, grace_ms: int = 4000) -> RunRequest:
        self._count += 1
        return RunRequest(
            run_id=f"run-{self._count}",
            conversation_id="conversation",
            agent_id="agent",
            agent_type="claude-code",
            options=self.options,
            prompt=prompt if isinstance(prompt, str) else json.dumps(prompt),
            raw_path=self.raw,
            timeouts=Timeouts(cancel_grace_ms=grace_ms),
            warn_on_stall=False,
            hold_ms=60_000,
            resume_attempts=1,
            terminal=terminal,
        )

    async def start(self, request: RunRequest, session: str | None = None) -> CliProcess:
        live = await self.ctx.runner.start(request, session, self.process_id)
        await self.ctx.runner.go(live, request)
        return live

    async def turn(
        self,
        prompt: Any,
        listener: Listener | None = None,
        *,
        session: str | None = None,
        terminal: bool = True,
        meanwhile: Callable[[CliProcess, Never], Any] | None = None,
    ) -> TurnCompleted:
        """Run a prompt; `meanwhile` gets the process and the stop once it has begun."""
        request = self.request(prompt, terminal=terminal)
        kept = await self.ctx.runner.warm(request)
        live = kept or await self.start(request, session)
        stop = Never()
        async with anyio.create_task_group() as tasks:
            if meanwhile is not None:
                tasks.start_soon(meanwhile, live, stop)
            with anyio.fail_after(60):
                verdict = await self.ctx.runner.turn(
                    live, request, listener or Listener(), stop, cold=kept is None
                )
        return verdict

    @property
    def process_id(self) -> str:
        """The id of the newest process."""
        return f"{self._name}-{self._count}"

    @property
    def folder(self) -> Path:
        """The private folder of the newest process."""
        return self.ctx.runner.launcher.folder_of(self.process_id)


async def until(condition: Callable[[], Any], what: str, seconds: float = 30) -> None:
    with anyio.move_on_after(seconds):
        while not condition():
            await anyio.sleep(0.01)
        return
    raise AssertionError(f"never came: {what}")
