"""Keeps of one leg what it is compared by; bounded, and nothing of it reaches a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import anyio
import msgspec
import structlog

from agent_runner.approvals.canonical import input_hash
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import Oversize, ParseError
from agent_runner.events.message import MessageCompleted, MessageDelta, ReasoningDelta
from agent_runner.events.permission import PermissionRequested, PermissionResolved
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import ToolCompleted, ToolInputDelta, ToolStarted
from conversation_store.records import Figures, RunOutcome, ToolCall
from conversation_store.states import RunState

log = structlog.get_logger(__name__)

MOST_CALLS = 500
INPUT_BYTES = 4096
_FIRST = (MessageDelta, MessageCompleted, ReasoningDelta, ToolInputDelta, ToolStarted)

Call = tuple[str, str]
"""A tool's name and the hash of its input."""


class LegObserver:
    """Takes a leg's events as they come; times are of the monotonic clock.

    `allowed` has each call that the leg was allowed or denied. One that it made without a
    question counts as allowed once it has done well: a CLI may tell of a call before it asks.
    """

    def __init__(self, most_text: int) -> None:
        self.begun = anyio.current_time()
        self.first_at: float | None = None
        self.calls: list[ToolCall] = []
        self.tool_calls = 0
        self.session_id: str | None = None
        self.allowed: dict[Call, bool] = {}
        self.heard = anyio.Event()
        self.over = False
        self._changed = anyio.Event()
        self._most_text = most_text
        self._texts: list[str] = []
        self._size = 0
        self._broken = 0
        self._made: dict[str, Call] = {}
        self._asked: dict[str, Call] = {}

    def take(self, events: Sequence[AgentEvent]) -> None:
        """More of the leg's events, in order. Raises nothing: who is watched must not suffer."""
        try:
            self._take(events)
        except Exception:
            log.exception("leg_not_recorded")

    def _take(self, events: Sequence[AgentEvent]) -> None:
        for event in events:
            if self.first_at is None and isinstance(event, _FIRST):
                self.first_at = anyio.current_time()
            kind = _TAKES.get(type(event))
            if kind is not None:
                kind(self, event)
        if events and not self.heard.is_set():
            self.heard.set()

    def opened(self, session_id: str) -> None:
        """The leg is in this session of its CLI."""
        self.session_id = session_id

    def end(self) -> None:
        """The leg is over: who waits for a decision of it waits no longer."""
        self.over = True
        self.heard.set()
        self._changed.set()

    async def decision(self, call: Call, patience: float) -> bool | None:
        """Whether the leg was allowed this call; None if that is not known in time."""
        with anyio.move_on_after(patience):
            while call not in self.allowed and not self.over:
                await self._changed.wait()
        return self.allowed.get(call)

    def figures(self, outcome: RunOutcome) -> Figures:
        """What the leg took."""
        success = outcome.state is RunState.SUCCEEDED
        first = self.first_at
        return Figures(
            success=success,
            code=outcome.code,
            duration_ms=outcome.duration_ms,
            time_to_first_ms=None if first is None else round((first - self.begun) * 1000),
            usage=outcome.usage,
            cost_usd=outcome.cost_usd,
            tool_calls=self.tool_calls,
            corrupt=self._corrupt(outcome.answer if success else None),
        )

    def output(self, answer: str | None) -> str:
        """The answer; what was said so far if there is none."""
        text = answer if answer is not None else "\n\n".join(self._texts)
        return text[: self._most_text]

    def _corrupt(self, answer: str | None) -> str | None:
        """How the output is damaged: lines that do not decode or are too long, an answer that is
        not in the messages before it."""
        if self._broken:
            return f"{self._broken} broken lines"
        if answer and self._texts and self._size <= self._most_text:
            said = " ".join("\n".join(self._texts).split())
            if " ".join(answer.split()) not in said:
                return "the answer is not what its messages say"
        return None

    def _message(self, event: MessageCompleted) -> None:
        if event.parent_tool_call_id is None:
            self._size += len(event.text)
            if self._size <= self._most_text:
                self._texts.append(event.text)

    def _tool(self, event: ToolStarted) -> None:
        self.tool_calls += 1
        if len(self.calls) < MOST_CALLS:
            self.calls.append(ToolCall(name=event.name, input=_kept(event.input)))
        if len(self._made) < MOST_CALLS:
            self._made[event.tool_call_id] = (event.name, input_hash(event.name, event.input))

    def _tool_over(self, event: ToolCompleted) -> None:
        call = self._made.pop(event.tool_call_id, None)
        if call is not None and event.status == "completed" and call not in self._asked.values():
            self._decide(call, True)

    def _question(self, event: PermissionRequested) -> None:
        if len(self._asked) < MOST_CALLS:
            self._asked[event.request_id] = (event.name, input_hash(event.name, event.input))

    def _answer(self, event: PermissionResolved) -> None:
        call = self._asked.get(event.request_id)
        if call is not None and event.decision != "cancelled":
            self._decide(call, event.decision == "allow")

    def _decide(self, call: Call, allowed: bool) -> None:
        if len(self.allowed) < MOST_CALLS:
            self.allowed[call] = allowed
        self._changed.set()
        self._changed = anyio.Event()

    def _session(self, event: SessionStarted) -> None:
        self.opened(event.session_id)

    def _damage(self, event: AgentEvent) -> None:
        self._broken += 1


_TAKES: dict[type, Callable[[LegObserver, AgentEvent], None]] = {
    MessageCompleted: LegObserver._message,  # type: ignore[dict-item]
    ToolStarted: LegObserver._tool,  # type: ignore[dict-item]
    ToolCompleted: LegObserver._tool_over,  # type: ignore[dict-item]
    PermissionRequested: LegObserver._question,  # type: ignore[dict-item]
    PermissionResolved: LegObserver._answer,  # type: ignore[dict-item]
    SessionStarted: LegObserver._session,  # type: ignore[dict-item]
    ParseError: LegObserver._damage,
    Oversize: LegObserver._damage,
}


def _kept(given: dict[str, object]) -> dict[str, object]:
    data = msgspec.json.encode(given)
    if len(data) <= INPUT_BYTES:
        return given
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
