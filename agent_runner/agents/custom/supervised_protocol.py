"""A custom command that may ask a person and give signs of life (runbooks/approval-protocol.md).

Its events come on stderr, or on stdout where that is a JSON stream already. A question ends the
process: the answer goes to another one, by argument and environment, so nothing is ever
answered here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import AgentOptions, Exit, Feature, PermissionAnswer, Received
from agent_runner.agents.custom import supervised_schema as supervised
from agent_runner.agents.dialect import CountingProtocol
from agent_runner.agents.failures import short
from agent_runner.agents.line_reader import join
from agent_runner.decoding.decode import Broken, Drift
from agent_runner.decoding.salvage import pieces
from agent_runner.emitter import WAITING
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.permission import PermissionOption, PermissionRequested
from conversation_store.codes import FailureCode

QUESTION = "approval"
"""The tool's name in an approval that a supervised tool asks for."""


class SupervisedProtocol:
    """`inner` with the events of the protocol taken out of what the command prints."""

    reads_stderr = True
    typed: Collection[str] = ()

    def __init__(self, inner: CountingProtocol, *, json_stdout: bool) -> None:
        self.inner = inner
        self._json_stdout = json_stdout
        self._drift: Drift = Drift()
        self._asked = 0
        self._denied = False

    @property
    def seen(self) -> Counter[str]:
        """See `CountingProtocol`; with the events of the protocol."""
        return self.inner.seen

    @property
    def drift(self) -> Counter[str]:
        """See `base.CliProtocol`."""
        return self.inner.drift

    @property
    def features(self) -> frozenset[Feature]:
        """What the protocol carries, or the dialect's own."""
        return self.inner.features | {"message"}

    @property
    def close_after_prompt(self) -> bool:
        """See `base.CliProtocol`."""
        return self.inner.close_after_prompt

    def open(self) -> bytes:
        """See `base.CliProtocol`."""
        return self.inner.open()

    @property
    def ready(self) -> bool:
        """See `base.CliProtocol`."""
        return self.inner.ready

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """See `base.CliProtocol`."""
        return self.inner.prompt(text, attachments)

    def steer(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes | None:
        """See `base.CliProtocol`."""
        return self.inner.steer(text, attachments)

    def reconfigure(self, options: AgentOptions) -> bytes | None:
        """See `base.CliProtocol`."""
        return self.inner.reconfigure(options)

    def receive(self, line: bytes) -> Received:
        """See `base.CliProtocol`."""
        if not self._json_stdout:
            return self.inner.receive(line)
        return self._events(line) or self.inner.receive(line)

    def unmasked(self, line: bytes) -> None:
        """See `base.CliProtocol`."""
        self.inner.unmasked(line)

    def receive_oversize(self, line: bytes) -> Received:
        """See `base.CliProtocol`. No event of the protocol is that long."""
        return self.inner.receive_oversize(line)

    def receive_stderr(self, line: bytes) -> Received:
        """See `base.CliProtocol`. What is no event is text for the log."""
        return self._events(line, only=True) or Received()

    def _events(self, line: bytes, *, only: bool = False) -> Received | None:
        """A line with an event in it; the rest of it is for `inner`, or not read (`only`)."""
        if not supervised.may_hold_event(line):
            return None
        parts = [piece.raw for piece in pieces(line)]
        if len(parts) < 2:
            return self._event(line)
        taken = []
        for part in parts:
            event = self._event(part)
            if event is None and not only:
                event = self.inner.receive(part)
            taken.append(event or Received())
        return join(taken)

    def _event(self, line: bytes) -> Received | None:
        event = supervised.decode(line, self._drift)
        if event is None:
            return None
        self.inner.saw(f"event {type(event).__name__}")
        if isinstance(event, Broken):
            notice = Notice(
                code="malformed_event",
                level="warning",
                message=short(event.error),
                data={"raw": event.raw},
            )
            return Received(events=[notice])
        if isinstance(event, supervised.Heartbeat):
            return Received(events=[Activity(code="heartbeat")], alive=True)
        self._asked += 1
        question = PermissionRequested(
            request_id=f"tool-{self._asked}",
            name=QUESTION,
            input=event.input,
            title=event.question,
            options=[
                PermissionOption(option_id=choice.option_id, name=choice.name, kind="choice")
                for choice in event.choices
            ],
            kind="tool",
        )
        return Received(events=[question])

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """The dialect's own questions are answered; a tool's can only be denied: it has ended."""
        if not request_id.startswith("tool-"):
            return self.inner.answer(request_id, answer)
        self._denied = True
        return b""

    def interrupt(self) -> bytes | None:
        """See `base.CliProtocol`."""
        return self.inner.interrupt()

    @property
    def background(self) -> list[BackgroundTask]:
        """See `base.CliProtocol`."""
        return self.inner.background

    @property
    def resting(self) -> bool:
        """See `base.CliProtocol`."""
        return self.inner.resting

    @property
    def untold(self) -> bool:
        """See `base.CliProtocol`."""
        return self.inner.untold

    def give_up_telling(self) -> None:
        """See `base.CliProtocol`."""
        self.inner.give_up_telling()

    def outlives(self, request_id: str) -> bool:
        """See `base.CliProtocol`."""
        return self.inner.outlives(request_id)

    def stop_background(self) -> bytes | None:
        """See `base.CliProtocol`."""
        return self.inner.stop_background()

    def finish_background(self) -> Received:
        """See `base.CliProtocol`."""
        return self.inner.finish_background()

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """See `base.CliProtocol`; says what the exit code of a tool that waits means."""
        events = self.inner.finish(exit)
        if exit.code != WAITING:
            return events
        code, error = FailureCode.CLI_ERROR, f"it left with {WAITING}, but had asked nothing"
        if self._denied:
            code, error = FailureCode.PERMISSION_DENIED, "the agent's policy denies its question"
        elif self._asked:
            error = "it waits for an approval"
        return [_explained(event, code, error) for event in events]


def _explained(event: AgentEvent, code: FailureCode, error: str) -> AgentEvent:
    if isinstance(event, TurnCompleted) and not event.ok:
        return TurnCompleted(ok=False, code=code, error=error, session_id=event.session_id)
    return event
