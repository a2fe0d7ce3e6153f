"""Accepts prompts and drives each to its one end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup

from agent_runner import wire
from agent_runner.bus.bus import Bus
from agent_runner.bus.frames import new_event
from agent_runner.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from agent_runner.events import RunQueued
from agent_runner.routing.plan import decide
from agent_runner.runners.headless import Headless
from agent_runner.runs.active import ActiveRun, StopReason
from agent_runner.runs.driver import RunDriver
from agent_runner.runs.queue import AgentQueue, Ticket
from agent_runner.settings import LimitSettings
from conversation_store.records import AgentRecord
from conversation_store.runs import NewRun
from conversation_store.store import Store


class RunService:
    """One run at a time per agent; every accepted run ends in exactly one terminal state."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        headless: Headless,
        tasks: TaskGroup,
        limits: LimitSettings,
        raw_dir: Path,
    ) -> None:
        self._store = store
        self._bus = bus
        self._headless = headless
        self._tasks = tasks
        self._limits = limits
        self._raw_dir = raw_dir
        self._driver = RunDriver(store, headless, tasks, limits, raw_dir)
        self._queues: dict[str, AgentQueue] = {}
        self._accepting: dict[str, anyio.Lock] = {}
        self._active: dict[str, ActiveRun] = {}
        self._closing = False

    @property
    def closing(self) -> bool:
        """True once no further run is taken."""
        return self._closing

    @property
    def idle(self) -> bool:
        """True while no run is open."""
        return not self._active

    # --- what callers do ------------------------------------------------------------------

    async def execute(
        self,
        agent: AgentRecord,
        prompt: str,
        *,
        conversation_id: str | None,
        timeout_ms: int | None,
        metadata: dict[str, Any],
    ) -> ActiveRun:
        """Commit the prompt as a queued run and start driving it.

        When this returns the run is acknowledged: it is in the store and will end in a
        terminal state, whatever happens to the caller.
        """
        self._check_prompt(prompt)
        timeout = self._check_timeout(timeout_ms)
        if self._closing:
            raise UnavailableError("shutting_down", "the service is shutting down")
        plan = decide(agent.comm_mode)
        queue = self._queues.setdefault(agent.agent_id, AgentQueue(self._limits.queue_depth))
        async with self._accepting.setdefault(agent.agent_id, anyio.Lock()):
            queue.check_room()
            conversation, is_new = await self._conversation(agent.agent_id, conversation_id)
            run = NewRun(
                run_id=wire.new_id("run"),
                turn_id=wire.new_id("turn"),
                conversation_id=conversation,
                conversation_is_new=is_new,
                agent_id=agent.agent_id,
                prompt=prompt,
                mode=plan.mode,
                reason=plan.reason,
                timeout_ms=timeout,
                metadata=metadata,
                now=wire.now(),
            )
            channel = (
                self._bus.new_channel(conversation)
                if is_new
                else await self._bus.channel(conversation)
            )
            queued = RunQueued(
                turn_id=run.turn_id, agent_id=agent.agent_id, prompt=prompt, position=len(queue)
            )
            active = ActiveRun(run, channel, self._store)
            with anyio.CancelScope(shield=True):
                await channel.commit(lambda: self._store.runs.accept(run, [new_event(queued)]))
                self._active[run.run_id] = active
                ticket = queue.enter()
                self._tasks.start_soon(self._drive, active, agent, queue, ticket)
        return active

    def active(self, run_id: str) -> ActiveRun | None:
        """The run, if it is not over."""
        active = self._active.get(run_id)
        return active if active is not None and not active.done.is_set() else None

    def of_agent(self, agent_id: str) -> list[ActiveRun]:
        """The agent's runs that are not over, in queue order."""
        return [
            active
            for active in self._active.values()
            if active.run.agent_id == agent_id and not active.done.is_set()
        ]

    async def cancel(self, agent_id: str, run_id: str | None) -> ActiveRun:
        """Ask the agent's run (the first in its queue, or `run_id`) to end."""
        runs = self.of_agent(agent_id)
        if run_id is not None:
            runs = [active for active in runs if active.run_id == run_id]
            if not runs:
                await self._store.runs.get(run_id)
                raise ConflictError("run_is_over", f"run {run_id} is not active on this agent")
        if not runs:
            raise ConflictError("nothing_to_cancel", "this agent runs nothing")
        runs[0].request_stop(StopReason.CANCELLED)
        return runs[0]

    async def end_session(self, agent_id: str) -> str | None:
        """End the agent's open conversation and its process; returns the conversation's id."""
        if self.of_agent(agent_id):
            raise ConflictError(
                "agent_busy", "a run of this agent is not over", hint="cancel it first"
            )
        conversation = await self._store.conversations.current(agent_id)
        if conversation is None:
            return None
        await self._headless.drop(conversation.conversation_id)
        await self._store.conversations.end(conversation.conversation_id, now=wire.now())
        return conversation.conversation_id

    async def delete_conversation(self, conversation_id: str) -> None:
        """Remove a conversation, its process and its raw logs."""
        runs = await self._store.runs.of_conversation(conversation_id)
        await self._store.conversations.delete(conversation_id)
        await self._headless.drop(conversation_id)
        for run_id in runs:
            for suffix in (".stdout", ".stderr"):
                (self._raw_dir / run_id).with_suffix(suffix).unlink(missing_ok=True)

    async def close(self) -> None:
        """Refuse new runs, stop the active ones, wait until each has ended."""
        self._closing = True
        for active in list(self._active.values()):
            active.request_stop(StopReason.SHUTDOWN)
        for active in list(self._active.values()):
            await active.done.wait()

    # --- checks ---------------------------------------------------------------------------

    def _check_prompt(self, prompt: str) -> None:
        if not prompt.strip():
            raise BadRequestError("empty_prompt", "the prompt is empty")
        try:
            size = len(prompt.encode())
        except UnicodeEncodeError:
            raise BadRequestError(
                "invalid_prompt", "the prompt holds half of a surrogate pair"
            ) from None
        if "\0" in prompt:
            raise BadRequestError("invalid_prompt", "the prompt holds a NUL character")
        if size > self._limits.prompt_bytes:
            raise TooLargeError(
                "prompt_too_large",
                f"the prompt has {size} bytes, at most {self._limits.prompt_bytes} are taken",
            )

    def _check_timeout(self, timeout_ms: int | None) -> int:
        longest = self._limits.run_timeout_max_ms
        if timeout_ms is None:
            return min(self._limits.run_timeout_ms, longest)
        if timeout_ms > longest:
            raise BadRequestError(
                "timeout_too_long", f"timeoutMs is {timeout_ms}, at most {longest} is allowed"
            )
        return timeout_ms

    async def _conversation(self, agent_id: str, wanted: str | None) -> tuple[str, bool]:
        if wanted is not None:
            record = await self._store.conversations.get(wanted)
            if record.agent_id != agent_id:
                raise NotFoundError(
                    "conversation_not_found", f"agent {agent_id!r} has no conversation {wanted!r}"
                )
            return wanted, False
        current = await self._store.conversations.current(agent_id)
        if current is not None:
            return current.conversation_id, False
        return wire.new_id("conv"), True

    async def _drive(
        self, active: ActiveRun, agent: AgentRecord, queue: AgentQueue, ticket: Ticket
    ) -> None:
        try:
            await self._driver.drive(active, agent, ticket)
        finally:
            del self._active[active.run_id]
            queue.leave(ticket)
