"""What the session of every CLI keeps: open tools and questions, prompts not yet answered.

A subclass reads lines; this class makes sure that what was begun is also ended: a tool that
started completes, a question that was asked is resolved, and a prompt that was sent gets
one TurnCompleted, if need be when the process is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from agent_runner.agents.base import (
    AgentOptions,
    Exit,
    Feature,
    Form,
    PermissionAnswer,
    Received,
    check_session_id,
)
from agent_runner.agents.failures import exit_verdict, short
from agent_runner.agents.unanswered import Answered
from agent_runner.errors import BadRequestError, FailureCode
from agent_runner.events import (
    AgentEvent,
    FileChanged,
    Notice,
    ParseError,
    PermissionRequested,
    PermissionResolved,
    SessionStarted,
    ToolCompleted,
    ToolStarted,
    ToolStatus,
    TurnCompleted,
    Unknown,
    UsageReported,
)
from agent_runner.schemas.decode import (
    Broken,
    Drift,
    Family,
    Part,
    Unrecognised,
    plain,
    shown,
)

# Of a message that is not whole: what its texts are cut from, and what began, is not told.
_TOLD_IN_PART = (
    FileChanged,
    Notice,
    PermissionResolved,
    SessionStarted,
    ToolCompleted,
    TurnCompleted,
    Unknown,
    UsageReported,
)


class SessionBase:
    """State and bookkeeping shared by the sessions; see `base.Session` for the contract.

    A subclass names its `lines`, or reads them by `_read`, and takes each message in `_take`.
    For the types in `_readers` that is a function from message and line to events.
    `drift` counts fields that the schemas do not know; `seen` counts messages by name, also
    those that make no event. Both are for the run's metrics.
    """

    lines: ClassVar[Family]

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        self.options = options
        self.form = form
        self.drift: Drift = Drift()
        self._named: Counter[str] = Counter()
        self._read_types: dict[type, int] = {}
        self.session_id = resume
        self._prompts = 0
        self._interrupting = False
        self.tools: dict[str, ToolStarted] = {}
        self._questions: dict[str, PermissionRequested] = {}
        self.denied: set[str] = set()
        self._later: list[AgentEvent] = []
        self._in_part = False
        self._readers: dict[type, Callable[[Any, bytes], list[AgentEvent]]] = {}
        self.answered = Answered()

    @property
    def seen(self) -> Counter[str]:
        """Messages by name, with those of the short way."""
        return self._named + Counter({k.__name__: n for k, n in self._read_types.items()})

    def saw(self, name: str) -> None:
        """Count a message."""
        self._named[name] += 1

    # --- the parts of base.Session that most share ---------------------------------------

    def open(self) -> bytes:
        """No handshake."""
        return b""

    @property
    def close_after_prompt(self) -> bool:
        """Stdin stays open, unless a subclass says otherwise."""
        return False

    def receive(self, line: bytes) -> Received:
        """See `base.Session`. What comes by the thousand takes the short way."""
        try:
            message = self.lines.first(line)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return self._take_parts(self._read(line), line)
        kind = type(message)
        reader = self._readers.get(kind)
        if reader is not None:
            self._read_types[kind] = self._read_types.get(kind, 0) + 1
            received = Received(events=reader(message, line))
        else:
            message = self.lines.strict(line)
            if message is None:
                return self._take_parts(self._read(line), line)
            received = self._take(message, line)
        if not self.answered.anything:
            self.answered.take(received.events)
        return self._with_lost(received, line) if self.drift.lost else received

    def receive_oversize(self, line: bytes) -> Received:
        """See `base.Session`."""
        parts = [part for part in self._read(line) if not _is_outcome(part.message)]
        received = join(self._take_in_part(part) for part in parts)
        self.drift.lost.clear()
        self.answered.anything = True
        self.answered.take(received.events)
        return received

    def interrupt(self) -> bytes | None:
        """No such message."""
        return None

    @property
    def reads_stderr(self) -> bool:
        """Stderr is text for people."""
        return False

    def receive_stderr(self, line: bytes) -> Received:
        """Nothing."""
        return Received()

    @property
    def features(self) -> frozenset[Feature]:
        """Nothing but allow and deny."""
        return frozenset()

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """No permission questions: KeyError."""
        raise KeyError(request_id)

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """End what is open; fail the prompt that got no result."""
        events = [*self._later, *self._close_open("the CLI ended", by="exit")]
        self._later = []
        if self._prompts:
            code, error = self._exit_verdict(exit)
            if self._interrupting:
                code, error = FailureCode.INTERRUPTED, "interrupted"
            events.append(
                TurnCompleted(ok=False, code=code, error=error, session_id=self.session_id)
            )
            self._prompts = 0
        return events

    def _exit_verdict(self, end: Exit) -> tuple[FailureCode, str]:
        return exit_verdict(end)

    # --- prompts ---------------------------------------------------------------------------

    def _begin_turn(self, prompt: str) -> None:
        """A turn is asked for."""
        self._prompts += 1
        self.answered.begin(prompt)

    def _turn_ended(self) -> None:
        """A solicited turn is over."""
        self.answered.end()
        self._prompts = max(0, self._prompts - 1)
        self._interrupting = False
        self.denied.clear()

    # --- lines -----------------------------------------------------------------------------

    def _read(self, line: bytes) -> list[Part]:
        """The parts of a line that is no plain message."""
        return self.lines.read(line, self.drift)

    def _take(self, message: Any, line: bytes) -> Received:
        """What a message leads to; `line` is its bytes."""
        raise NotImplementedError

    def _refuse(self, message: Any) -> bytes | None:
        """What answers a question of which this much can be told; None if it is no question."""
        return None

    def _counts_in_part(self, message: Any) -> bool:
        """True for what the turn would wait for in vain, or tell wrongly: its end, a tool's end."""
        return False

    def _take_parts(self, parts: Iterable[Part], line: bytes) -> Received:
        received = join(self._take_part(part) for part in parts)
        return self._with_lost(received, line)

    def _take_part(self, part: Part) -> Received:
        if part.damage is not None:
            received = self._take_in_part(part)
            received.events = [self._undecoded(part.damage), *received.events]
        elif _is_outcome(part.message):
            received = Received(events=[self._undecoded(part.message)])
        else:
            received = self._take(part.message, part.raw)
        self.answered.take(received.events)
        return received

    def _take_in_part(self, part: Part) -> Received:
        """A message of which not all is there: a question of it is refused, for it was not seen."""
        if part.message is None:
            return Received()
        if (refusal := self._refuse(part.message)) is not None:
            text = "the CLI's question could not be read whole"
            notice = Notice(code="question_refused", level="warning", message=text)
            return Received(events=[notice], send=refusal)
        if not self._counts_in_part(part.message):
            return Received()
        self._in_part = True
        received = self._take(part.message, part.raw)
        self._in_part = False
        told: list[AgentEvent] = []
        told += (event for event in received.events if isinstance(event, _TOLD_IN_PART))
        return Received(events=told, send=received.send, alive=received.alive)

    def _with_lost(self, received: Received, line: bytes) -> Received:
        """With what of the line's messages had to be left out."""
        for error in self.drift.lost:
            received.events.append(self._undecoded(Broken(error, shown(line))))
        self.drift.lost.clear()
        return received

    def _undecoded(self, outcome: Broken | Unrecognised) -> AgentEvent:
        if type(outcome) is Broken:
            self.saw("(broken)")
            return ParseError(error=outcome.error, raw=outcome.raw)
        assert type(outcome) is Unrecognised
        self.drift.note(outcome.source_type)
        return Unknown(source_type=outcome.source_type, raw=outcome.raw)

    # --- session ids -----------------------------------------------------------------------

    def _accept_session_id(self, value: str | None) -> list[AgentEvent]:
        """Keep the CLI's session id if it is safe to use again; say so if it is not."""
        if not value or value == self.session_id:
            return []
        try:
            self.session_id = check_session_id(value)
        except BadRequestError as error:
            return [Notice(code="bad_session_id", level="warning", message=error.message)]
        return []

    # --- tools -----------------------------------------------------------------------------

    def start_tool(self, started: ToolStarted) -> list[AgentEvent]:
        """ToolStarted, unless this call has started already."""
        if started.tool_call_id in self.tools:
            return []
        self.tools[started.tool_call_id] = started
        return [started]

    def end_tool(
        self,
        tool_call_id: str,
        *,
        failed: bool,
        output: Any = None,
        error: str | None = None,
        changed: list[FileChanged] | None = None,
    ) -> list[AgentEvent]:
        """ToolCompleted, then the files that a completed tool changed."""
        started = self.tools.pop(tool_call_id, None)
        status: ToolStatus = "failed" if failed else "completed"
        if self.denied:
            if failed and tool_call_id in self.denied:
                status = "denied"
            self.denied.discard(tool_call_id)
        events: list[AgentEvent] = [
            ToolCompleted(
                tool_call_id=tool_call_id,
                status=status,
                output=output if type(output) is str else plain(output),
                error=short(error) if error else None,
                name=started.name if started else None,
                truncated=self._in_part,
            )
        ]
        if not failed and changed:
            events.extend(changed)
        return events

    # --- questions -------------------------------------------------------------------------

    def _ask(self, question: PermissionRequested) -> list[AgentEvent]:
        """PermissionRequested, unless just this question is open already.

        Asked again for another thing, what was asked first is withdrawn: whoever is shown
        the one must not answer the other.
        """
        before = self._questions.get(question.request_id)
        if before is not None and _asks_the_same(before, question):
            return []
        changed = self.withdraw(question.request_id, "the CLI changed the question")
        self._questions[question.request_id] = question
        return [*changed, question]

    def withdraw(self, request_id: str, message: str, *, by: str = "cli") -> list[AgentEvent]:
        """The CLI no longer waits for this answer; `by` is `exit` if it is gone."""
        if self._questions.pop(request_id, None) is None:
            return []
        return [
            PermissionResolved(
                request_id=request_id, decision="cancelled", decided_by=by, message=message
            )
        ]

    def _close_open(self, why: str, *, by: str = "cli") -> list[AgentEvent]:
        """Resolve every open question as cancelled, fail every open tool."""
        events: list[AgentEvent] = []
        for request_id in list(self._questions):
            events.extend(self.withdraw(request_id, why, by=by))
        for tool_call_id in list(self.tools):
            events.extend(
                self.end_tool(tool_call_id, failed=True, error=f"{why} before the tool did")
            )
        return events


def join(parts: Iterable[Received]) -> Received:
    """What several messages led to, as one."""
    whole = Received()
    for part in parts:
        whole.events = [*whole.events, *part.events]
        whole.send += part.send
        whole.alive = whole.alive or part.alive
    return whole


def _is_outcome(message: Any) -> bool:
    return isinstance(message, Broken | Unrecognised)


def _asks_the_same(one: PermissionRequested, other: PermissionRequested) -> bool:
    return (one.name, one.input) == (other.name, other.input)
