"""The leg that people see, followed on its conversation's stream."""

from __future__ import annotations

from contextlib import aclosing

import anyio

from agent_runner.bus.channel import Channel
from agent_runner.events.base import AgentEvent
from agent_runner.events.envelope import Envelope, Stored, Streamed
from agent_runner.events.registry import event_of
from agent_runner.events.run import RouteDecided, RunFinished, RunQueued, RunStarted
from agent_runner.events.tool import ToolStarted
from agent_runner.mirrors.recorder import LegObserver
from agent_runner.runs.announcements import RunBegins
from conversation_store.codes import FailureCode
from conversation_store.records import RunOutcome

_OF_THE_SERVICE = (RunQueued, RouteDecided, RunStarted, RunFinished)

_OF_NO_LEG = frozenset(
    (
        *(FailureCode.CANCELLED, FailureCode.INTERRUPTED, FailureCode.INTERNAL),
        *(FailureCode.APPROVAL_REJECTED, FailureCode.APPROVAL_EXPIRED),
        *(FailureCode.RESUME_FAILED, FailureCode.CIRCUIT_OPEN),
    )
)
"""Ends that say nothing of the leg: nothing is compared with it."""


class Primary:
    """The primary run of a comparison: `leg` has what it did, `outcome` how it ended.

    `done` is set once it has ended and all its events are taken; without an outcome that says
    anything of the leg, at once. `fell_back` once it goes another way than its plan, as it failed
    with `after_code`. `first_tool_time` is when its first tool began (RFC 3339 UTC).
    """

    def __init__(self, begins: RunBegins, most_text: int) -> None:
        self.run_id = begins.run.run_id
        self.leg = LegObserver(most_text)
        self.outcome: RunOutcome | None = None
        self.done = anyio.Event()
        self.fell_back = False
        self.after_code: str | None = None
        self.first_tool_time: str | None = None
        self._mode = begins.plan.mode.value
        self._ended = self._finished = False

    def end(self, outcome: RunOutcome | None) -> None:
        """The run is over, or is left for the next start."""
        if outcome is not None and outcome.code not in _OF_NO_LEG:
            self.outcome = outcome
        else:
            self._finished = True
        self._ended = True
        self._check()

    def _check(self) -> None:
        if self._ended and self._finished:
            self.leg.end()
            self.done.set()

    async def follow(self, channel: Channel) -> None:
        """Take the run's events until its end. A reader that is cut off joins again."""
        seen = 0
        while not self.done.is_set():
            async with aclosing(channel.subscribe(after=seen, run_id=self.run_id)) as envelopes:
                async for batch in envelopes:
                    for envelope in batch:
                        if isinstance(envelope, Stored):
                            seen = envelope.seq
                        self._take(await _event(channel, envelope), envelope)
                    if self.done.is_set():
                        break

    def _take(self, event: AgentEvent | None, envelope: Envelope) -> None:
        if event is None:
            return
        if isinstance(event, ToolStarted) and self.first_tool_time is None:
            assert isinstance(envelope, Stored)
            self.first_tool_time = envelope.time
        if not isinstance(event, _OF_THE_SERVICE):
            self.leg.take([event])
        elif isinstance(event, RouteDecided):
            self.fell_back, self.after_code = event.mode != self._mode, event.after_code
        elif isinstance(event, RunFinished):
            self._finished = True
            self._check()


async def _event(channel: Channel, envelope: Envelope) -> AgentEvent | None:
    if isinstance(envelope, Streamed):
        return envelope.event
    assert isinstance(envelope, Stored)
    payload = await channel.payload(envelope)
    return event_of(payload) if payload else None
