"""Reads the lines of a CLI: plain messages the short way, all others part by part.

What is not whole is told by its damage; of its message only what must not be lost counts: the
end of a turn, the end of a tool, a question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import msgspec

from agent_runner.agents.base import Received
from agent_runner.agents.unanswered import Answered
from agent_runner.decoding.decode import (
    UNDECODABLE,
    Broken,
    Drift,
    Family,
    Part,
    Unrecognised,
    shown,
)
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import ParseError, Unknown
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Notice
from agent_runner.events.permission import PermissionResolved
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import FileChanged, ToolCompleted
from agent_runner.events.usage import UsageReported

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


class LineReader:
    """A protocol as far as it reads; see `base.CliProtocol` for the contract.

    A subclass names its `lines`, or reads them by `_read`, and takes each message in `_take`.
    For the types in `_readers` that is a function from message and line to events.
    `drift` counts fields that the schemas do not know; `seen` counts messages by name, also
    those that make no event. Both are for the run's metrics. `in_part` tells `_take` that not all
    of its message is there.
    """

    lines: ClassVar[Family]

    def __init__(self) -> None:
        self.drift: Drift = Drift()
        self.answered = Answered()
        self._named: Counter[str] = Counter()
        self._read_types: dict[type, int] = {}
        self.in_part = False
        self._readers: dict[type, Callable[[Any, bytes], list[AgentEvent]]] = {}

    @property
    def seen(self) -> Counter[str]:
        """Messages by name, with those of the short way."""
        return self._named + Counter({k.__name__: n for k, n in self._read_types.items()})

    def saw(self, name: str) -> None:
        """Count a message."""
        self._named[name] += 1

    def receive(self, line: bytes) -> Received:
        """See `base.CliProtocol`. What comes by the thousand takes the short way."""
        try:
            message = self.lines.first(line)
        except UNDECODABLE:
            return self._take_parts(self._read(line), line)
        kind = type(message)
        reader = self._readers.get(kind)
        if reader is not None:
            self._read_types[kind] = self._read_types.get(kind, 0) + 1
            background_turn = self._owner(message)
            received = Received(events=reader(message, line), background_turn=background_turn)
        else:
            message = self.lines.strict(line)
            if message is None:
                return self._take_parts(self._read(line), line)
            received = self._take(message, line)
        if not self.answered.anything:
            self._note_answer(received)
        return self._with_lost(received, line) if self.drift.lost else received

    def receive_oversize(self, line: bytes) -> Received:
        """See `base.CliProtocol`."""
        parts = [part for part in self._read(line) if not _is_outcome(part.message)]
        received = join(self._take_in_part(part) for part in parts)
        self.drift.lost.clear()
        self.answered.anything = True
        self._note_answer(received)
        return received

    # --- for a subclass ------------------------------------------------------------------------

    def _read(self, line: bytes) -> list[Part]:
        """The parts of a line that is no plain message."""
        return self.lines.read(line, self.drift)

    def _take(self, message: Any, line: bytes) -> Received:
        """What a message leads to; `line` is its bytes."""
        raise NotImplementedError

    def _owner(self, message: Any) -> int | None:
        """`Received.background_turn` of a message that is read the short way."""
        return None

    def _note_answer(self, received: Received) -> None:
        """What work behind the turn does is no answer to its prompt."""
        if received.background_turn is None:
            self.answered.take(received.events)

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
        self._note_answer(received)
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
        self.in_part = True
        received = self._take(part.message, part.raw)
        self.in_part = False
        told: list[AgentEvent] = []
        told += (event for event in received.events if isinstance(event, _TOLD_IN_PART))
        return msgspec.structs.replace(received, events=told)

    def _with_lost(self, received: Received, line: bytes) -> Received:
        """With what of the line's messages had to be left out, which may have been an answer."""
        if self.drift.lost and received.background_turn is None:
            self.answered.anything = True
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


def join(parts: Iterable[Received]) -> Received:
    """What several messages led to, as one; what belongs to other work follows as `rest`."""
    whole = last = Received()
    for index, part in enumerate(parts):
        if index and part.background_turn != last.background_turn:
            last.rest = Received(background_turn=part.background_turn)
            last = last.rest
        last.background_turn = part.background_turn
        last.events = [*last.events, *part.events]
        last.send += part.send
        last.alive = last.alive or part.alive
    return whole


def _is_outcome(message: Any) -> bool:
    return isinstance(message, Broken | Unrecognised)
