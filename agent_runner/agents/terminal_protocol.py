"""What the protocols of all CLIs in their own terminal UI have in common.

The lines come from the terminal driver (`decoding.terminal`), not from the CLI. A subclass
reads the CLI's hooks and transcript.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Sequence
from typing import Any, ClassVar

from agent_runner.agents.attachments import Attachment, mentioned
from agent_runner.agents.base import AgentOptions, Exit, Form, PermissionAnswer, Received
from agent_runner.agents.failures import code_for_text, error_line, short
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.agents.tool_calls import calls_in
from agent_runner.decoding import terminal as t
from agent_runner.decoding.decode import Part, objects
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import ParseError
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.permission import PermissionRequested
from agent_runner.wire import encode
from conversation_store.codes import FailureCode

SCREEN_LIMIT = 4000
"""Most characters of a screen that an event shows."""

MOST_TYPED = 100

_SHOWN = 400
_PROMPT_HOOKS = ("UserPromptSubmit", "BeforeAgent")


class TerminalProtocol(ProtocolBase):
    """One driver and the UI behind it; `entries` are the lines of its transcript."""

    lines = t.LINES
    entries: ClassVar[Container[str]] = ()

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._sent = 0
        self._delivered = False
        self._is_ready = False
        self._held: dict[str, dict[str, Any]] = {}
        self._end: t.Exited | t.Failed | None = None
        self._blocked: str | None = None
        self._typed = deque[str](maxlen=MOST_TYPED)

    @property
    def typed(self) -> Collection[str]:
        """See `base.CliProtocol`."""
        return self._typed

    # --- to the driver -------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """See `base.CliProtocol`."""
        return self._is_ready

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """Have it delivered."""
        self._begin_turn(text)
        self._sent += 1
        self._delivered = False
        self._untouched = False
        return _line(do="prompt", id=self._sent, text=mentioned(text, attachments))

    def interrupt(self) -> bytes | None:
        """Press the UI's keys for it."""
        if self._prompts:
            self._interrupting = True
        return _line(do="interrupt")

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """See `base.CliProtocol`."""
        question = self._questions.pop(request_id)
        event = self._held.pop(request_id)
        if not answer.allow and question.tool_call_id:
            self.denied.add(question.tool_call_id)
        return self._answer(request_id, question, event, answer)

    def _answer(
        self,
        request_id: str,
        question: PermissionRequested,
        event: dict[str, Any],
        answer: PermissionAnswer,
    ) -> bytes:
        raise NotImplementedError

    def _reply(self, number: str, body: dict[str, Any]) -> bytes:
        return _line(do="answer", id=int(number), body=body)

    def _keys(
        self,
        key: str,
        *,
        when: str,
        since: str = "",
        shows: Sequence[str] = (),
        others: Sequence[Sequence[str]] = (),
    ) -> bytes:
        """Have a key pressed in the dialog that shows just this, and none of the `others`."""
        fields = {"when": when, "since": since, "shows": list(shows), "others": list(others)}
        return _line(do="keys", keys=[key], **fields)

    # --- from the driver -----------------------------------------------------------------

    def _counts_in_part(self, message: Any) -> bool:
        return isinstance(message, t.Hook | t.TranscriptLine)

    def _take(self, message: Any, line: bytes) -> Received:
        self.saw(type(message).__name__)
        match message:
            case t.Hook():
                if not self._prompts and message.event.get("hook_event_name") in _PROMPT_HOOKS:
                    self._typed.append(str(message.event.get("prompt")))
                return self._hook(message, line)
            case t.HookGone():
                self._held.pop(str(message.id), None)
                return Received(events=self.withdraw(str(message.id), "the CLI withdrew it"))
            case t.TranscriptLine():
                return Received(events=self._transcript(message.line, line))
            case t.BadLine():
                return Received(events=self._bad_line(message))
            case t.Sidecar():
                return Received(events=self._sidecar(message))
            case t.Idle():
                return Received(events=self._idle())
            case t.Dismissed():
                return Received(events=self._dismissed(message))
            case t.Settled():
                return Received(events=self._settled(message))
            case t.Rested():
                return Received(events=self._rested(message))
        return Received(events=self._told(message))

    def _told(self, message: Any) -> list[AgentEvent]:
        match message:
            case t.Delivered():
                self._delivered = True
                return self._receipt(message)
            case t.Undelivered():
                return self._not_delivered(message)
            case t.NotReady():
                shown = "\n".join(line for line in message.screen.split("\n") if line.strip())
                data = {"screen": message.screen[-SCREEN_LIMIT:]}
                text = "the UI shows something else than its prompt"
                # The driver closes it; the prompt's result comes when it is gone.
                self._blocked = f"{text}: {shown[-_SHOWN:]}" if shown else text
                return [Notice(code="ui_not_ready", level="warning", message=text, data=data)]
            case t.Ready():
                self._is_ready = True
            case t.Exited() | t.Failed():
                self._end = message
                return []
        return [Activity(code=type(message).__name__.lower())]

    def _bad_line(self, message: t.BadLine) -> list[AgentEvent]:
        """A line of the transcript that is no JSON object may yet hold some."""
        events: list[AgentEvent] = []
        for data, raw, broken in objects(message.text.encode()):
            if broken is not None:
                events.append(ParseError(error=broken.error, raw=broken.raw[:SCREEN_LIMIT]))
            if data is None or data.get("type") not in self.entries:
                continue
            if broken is None:
                events += self._transcript(data, raw)
            else:
                part = t.TranscriptLine(line=data)
                events += self._take_in_part(Part(part, raw)).events
        return events

    def _receipt(self, message: t.Delivered) -> list[AgentEvent]:
        data = {"by": message.by, "attempts": message.attempts}
        events: list[AgentEvent] = [Notice(code="delivered", level="debug", data=data)]
        if message.attempts > 1:
            text = f"the UI took the prompt when it was submitted for time {message.attempts}"
            events.append(Notice(code="resubmitted", level="warning", message=text))
        if message.found:
            text = "something else stood in the UI's box and was removed"
            data = {"characters": message.found}
            events.append(Notice(code="box_not_empty", level="warning", message=text, data=data))
        if message.left:
            text = "something else was open in the UI and was closed"
            data = {"times": message.left}
            events.append(Notice(code="ui_uncovered", level="warning", message=text, data=data))
        if message.trimmed:
            text = "the UI drops white space at the end of a prompt"
            events.append(Notice(code="prompt_trimmed", message=text))
        return events

    def _not_delivered(self, message: t.Undelivered) -> list[AgentEvent]:
        self._untouched = message.untouched
        if message.reason in ("exited", "not_ready"):
            return []
        code, text = FailureCode.UNDELIVERED, message.message
        if self._interrupting:
            code, text = FailureCode.INTERRUPTED, "interrupted"
        events: list[AgentEvent] = []
        if message.screen:
            data = {"reason": message.reason, "screen": message.screen[-SCREEN_LIMIT:]}
            events.append(Notice(code="undelivered", level="error", message=text, data=data))
        events.append(
            TurnCompleted(
                ok=False,
                code=code,
                error=short(text),
                session_id=self.session_id,
                untouched=message.untouched and not self._interrupting,
            )
        )
        self._turn_ended()
        return events

    def _hook(self, message: t.Hook, line: bytes) -> Received:
        raise NotImplementedError

    def _transcript(self, entry: dict[str, Any], line: bytes) -> list[AgentEvent]:
        raise NotImplementedError

    def _sidecar(self, message: t.Sidecar) -> list[AgentEvent]:
        return [Activity(code="sidecar")]

    def _idle(self) -> list[AgentEvent]:
        return [Activity(code="idle")]

    def _dismissed(self, message: t.Dismissed) -> list[AgentEvent]:
        return [Activity(code="dismissed")]

    def _settled(self, message: t.Settled) -> list[AgentEvent]:
        raise NotImplementedError

    def _rested(self, message: t.Rested) -> list[AgentEvent]:
        """Nothing tells of a turn that somebody ends at the terminal before anything was said."""
        if not self._prompts or not self._delivered or self._questions:
            return [Activity(code="rested")]
        text = "the UI waits for a prompt again and has told no end of this turn"
        data = {"screen": message.screen[-SCREEN_LIMIT:]}
        told = Notice(code="ui_at_rest", level="warning", message=text, data=data)
        lacks = self.answered.lacks(None)
        if lacks is not None and lacks[0] is FailureCode.BLOCKED_BY_HOOK:
            return [told, *self._over(*lacks)]
        error = f"{text}; it may have been interrupted there"
        return [told, *self._over(FailureCode.INTERRUPTED, error)]

    def _over(self, code: FailureCode | None, error: str | None) -> list[AgentEvent]:
        raise NotImplementedError

    def _unanswered(self, tool_call_id: str) -> list[AgentEvent]:
        """A call has ended: nobody is asked any more whether it may run, if that was all."""
        events: list[AgentEvent] = []
        for request_id, question in list(self._questions.items()):
            alone = len(calls_in(question.name, question.input)) == 1
            if question.tool_call_id == tool_call_id and alone and not self._interrupting:
                events += self.withdraw(request_id, "its call has ended without this answer")
        return events

    def _exit_verdict(self, end: Exit) -> tuple[FailureCode, str]:
        """What the CLI left on its screen says more than an exit code."""
        if self._blocked is not None:
            return FailureCode.UNDELIVERED, short(self._blocked)
        if isinstance(self._end, t.Failed):
            return FailureCode.SPAWN_FAILED, short(self._end.error)
        if self._end is not None and self._end.what == "server":
            return FailureCode.CLI_KILLED, "the tmux server is gone"
        if self._end is not None and self._end.signal is None and self._end.screen:
            code = code_for_text(self._end.screen)
            if code is not None and end.code:
                return code, error_line(self._end.screen)
        code, error = super()._exit_verdict(end)
        if isinstance(self._end, t.Exited) and self._end.screen and not end.code:
            error = f"{error}; its screen: {error_line(self._end.screen)}"
        return code, error


def _line(**message: Any) -> bytes:
    return encode(message) + b"\n"
