"""Codex CLI's app-server, one process per conversation.

A `turn/start` while a turn is on would be taken into that turn, so prompts wait here for its end.
An interrupt leaves commands alive, which are then ended as well, with those of earlier turns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import AgentOptions, Exit, Feature, Form, PermissionAnswer, Received
from agent_runner.agents.codex import rpc_schema as r
from agent_runner.agents.codex.connection import Connection
from agent_runner.agents.codex.messages import CLIENT, thread_params, turn_settings, user_input
from agent_runner.agents.codex.questions import declined_unasked, question_of, result_of
from agent_runner.agents.codex.reasons import retry_of, verdict_of
from agent_runner.agents.codex.steers import Steers
from agent_runner.agents.codex.tokens import TurnTokens
from agent_runner.agents.failures import code_for_text, short
from agent_runner.agents.json_rpc import (
    METHOD_NOT_FOUND,
    Incoming,
    RpcError,
)
from agent_runner.agents.unanswered import UNTOLD
from agent_runner.decoding.decode import Broken, Unrecognised, shown, whole
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import Unknown
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import ToolCompleted, ToolStarted
from agent_runner.events.usage import UsageReported
from conversation_store.codes import FailureCode

_OPENING = ("initialize", "thread/start", "thread/resume")
_VERSION = re.compile(r"/(\d[^\s]*)")
_FEATURES: frozenset[Feature] = frozenset({"session", "options", "stop"})


class CodexRpcProtocol(Connection):
    """One `codex app-server` process."""

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._steers = Steers()
        self._tokens = TurnTokens()
        self._resume = resume
        self._version: str | None = None
        self._opening = True
        self._starting = False
        self._queue: list[tuple[str, Sequence[Attachment]]] = []
        self._started_with = options
        self._defaults: dict[str, Any] = {}
        self._changed: dict[str, Any] = {}
        self._requests: dict[str, tuple[Any, r.Request]] = {}
        self._error: r.TurnError | None = None

    # --- to the CLI ------------------------------------------------------------------------

    def open(self) -> bytes:
        """The handshake; once it is done, the session only."""
        if self._version is not None:
            return self._open_thread()
        return self._rpc.request("initialize", CLIENT)

    def _open_thread(self) -> bytes:
        params = thread_params(self.options)
        if self._resume is not None:
            named = {"threadId": self._resume, "excludeTurns": True, **params}
            return self._rpc.request("thread/resume", named)
        return self._rpc.request("thread/start", params)

    @property
    def resting(self) -> bool:
        """See `base.CliProtocol`."""
        return not self._prompts and self._turns.on is None

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """A turn; nothing yet while the session opens, or another turn is on."""
        self._begin_turn(text)
        self._queue.append((text, attachments))
        if not self._ready and not self._opening:
            self._opening = True
            return self.open()
        return self._send_next()

    def _send_next(self) -> bytes:
        if not self._ready or self._starting or self._turns.on is not None or not self._queue:
            return b""
        self._starting = True
        self._reader.begin_turn()
        self._tokens.begin()
        self._error = None
        said = user_input(*self._queue.pop(0))
        params = {"threadId": self.session_id, "input": said, **self._changed}
        return self._rpc.request("turn/start", params)

    def steer(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes | None:
        """See `base.CliProtocol`. It breaks off what the model is saying."""
        turn = self._turns.on
        if turn is None or not self._turns.solicited or self._interrupting:
            return None
        name = self._steers.name()
        params = {
            "threadId": self.session_id,
            "expectedTurnId": turn,
            "input": user_input(text, attachments),
            "clientUserMessageId": name,
        }
        sent = self._rpc.request("turn/steer", params)
        self._steers.sent(self._rpc.last_id, name)
        return sent

    def reconfigure(self, options: AgentOptions) -> bytes | None:
        """See `base.CliProtocol`. The next turn has the change with it, for itself and all after.

        What a session that was started with something else has by default is not known.
        """
        first = self._started_with
        if (first.model and not options.model) or (
            first.permission_mode and not options.permission_mode
        ):
            return None
        if not self._ready:
            return None
        self.options = options
        self._changed = turn_settings(options.model, options.permission_mode, self._defaults)
        return b""

    def interrupt(self) -> bytes | None:
        """Ends the turn as `interrupted`; the process and the session live on."""
        if not self._ready:
            return None
        if self._prompts:
            self._interrupting = True
        self._steers.drop()
        return self._send_interrupt()

    def _send_interrupt(self) -> bytes:
        """Nothing while the turn has no id yet: it follows then."""
        if self._turns.on is None:
            return b""
        params = {"threadId": self.session_id, "turnId": self._turns.on}
        return self._rpc.request("turn/interrupt", params)

    @property
    def features(self) -> frozenset[Feature]:
        """See `base.CliProtocol`."""
        return _FEATURES

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """See `base.CliProtocol`."""
        question = self._questions[request_id]
        raw_id, request = self._requests[request_id]
        result = result_of(request, question, answer)
        del self._questions[request_id], self._requests[request_id]
        if not answer.allow and question.tool_call_id:
            self.denied.add(question.tool_call_id)
        sent = self._rpc.reply(raw_id, result)
        if answer.interrupt and not answer.allow:
            sent += self.interrupt() or b""
        return sent

    # --- from the CLI ----------------------------------------------------------------------

    def _take(self, message: Any, line: bytes) -> Received:
        self.saw(message.kind if message.kind != "notification" else message.method[:80])
        if message.kind == "answer":
            return self._answered(message)
        if message.kind == "request":
            return self._requested(message, line)
        named = {**message.params, "method": message.method}
        note = r.NOTES.convert(named, self.drift, line)
        if isinstance(note, Unrecognised):
            if message.method.startswith(r.QUIET):
                return Received(events=[Activity(code=message.method[:80])])
            return Received(events=[Unknown(source_type=message.method[:120], raw=shown(line))])
        if isinstance(note, Broken):
            if self.in_part and message.method == "turn/completed":
                return self._over(r.Turn(status=None))
            return Received(events=[self._undecoded(note)])
        if note.threadId not in (None, self.session_id):
            return Received(events=[Activity(code="helper", message=message.method[:80])])
        return self._noted(message.method, note)

    def _noted(self, method: str, note: Any) -> Received:
        match note:
            case r.TurnNote() if method == "turn/started":
                return self._turn_began(note.turn.id)
            case r.TurnNote():
                return self._over(note.turn)
            case r.ItemNote():
                return self._item(method, note)
            case r.DeltaNote():
                behind = self._turns.behind(note.turnId)
                return Received(events=self._reader.delta(method, note), background_turn=behind)
            case r.ErrorNote():
                return Received(events=self._failing(note))
            case r.UsageNote():
                # A resumed session tells what its last turn has used.
                if note.turnId == self._turns.on:
                    self._tokens.add(note.tokenUsage.last)
            case r.ResolvedNote():
                request_id = str(note.requestId)[:128]
                self._requests.pop(request_id, None)
                gone = self.withdraw(request_id, "the CLI withdrew it")
                return Received(events=gone or [Activity(code=method)])
            case r.WarningNote():
                text = short(note.message or note.summary or "")
                return Received(events=[Notice(code="agent_warning", level="debug", message=text)])
        return Received(events=[Activity(code=method)])

    def _item(self, method: str, note: r.ItemNote) -> Received:
        item, behind = note.item, self._turns.behind(note.turnId)
        if method == "item/started":
            events = self._steers.taken(item.clientId) if item.type == "userMessage" else []
            if events:
                events = [*self._reader.end(), *events]
            events += self._reader.started(item)
        elif behind is not None and item.id not in self.tools:
            return Received(events=[Activity(code="late_item")])
        else:
            events = self._reader.completed(item)
        for event in events:
            if isinstance(event, ToolStarted):
                self._turns.began(event.tool_call_id, note.turnId)
            elif isinstance(event, ToolCompleted):
                self._turns.ended(event.tool_call_id)
        return Received(events=events, background_turn=behind)

    def _failing(self, note: r.ErrorNote) -> list[AgentEvent]:
        if note.willRetry:
            return [*self._reader.end(), retry_of(note.error)]
        self._error = note.error
        return [Notice(code="agent_error", level="error", message=verdict_of(note.error)[1])]

    # --- answers to our requests -------------------------------------------------------------

    def _answered(self, message: Incoming) -> Received:
        method = message.method
        result = message.result if isinstance(message.result, dict) else {}
        if message.error is not None:
            return self._failed(message, message.error)
        if method == "initialize":
            found = _VERSION.search(str(result.get("userAgent")))
            self._version = found[1] if found else ""
            sent = self._rpc.notify("initialized", {}) + self._open_thread()
            return Received(events=[Activity(code="initialized")], send=sent)
        if method in _OPENING:
            return self._opened(method, result)
        if method == "turn/start":
            turn = result.get("turn")
            return self._turn_began(turn.get("id") if isinstance(turn, dict) else None)
        return Received(events=[Activity(code=method or "stray_answer")])

    def _opened(self, method: str, result: dict[str, Any]) -> Received:
        thread = result.get("thread")
        opened = thread.get("id") if isinstance(thread, dict) else None
        events = self._accept_session_id(opened if isinstance(opened, str) else None)
        if self.session_id is None:
            error = RpcError(None, "the CLI gave no usable session id")
            return Received(events=[*events, *self._not_opened(error)])
        self._ready, self._opening, self._resume = True, False, self.session_id
        model, sandbox = result.get("model"), result.get("sandbox")
        asks = result.get("approvalPolicy")
        self._defaults = {"model": model, "approvalPolicy": asks, "sandboxPolicy": sandbox}
        events.append(
            SessionStarted(
                session_id=self.session_id,
                model=model if isinstance(model, str) else None,
                cwd=self.options.cwd,
                cli_version=self._version or None,
                permission_mode=self.options.permission_mode,
            )
        )
        return Received(events=events, send=self._send_next())

    def _turn_began(self, turn_id: str | None) -> Received:
        """By the answer to its start, or by its notification: whichever is first."""
        if turn_id is None or not self._turns.begin(turn_id, solicited=self._starting):
            return Received(events=[Activity(code="turn_started")])
        self._starting = False
        sent = self._send_interrupt() if self._interrupting else b""
        return Received(events=[Activity(code="turn_started")], send=sent)

    def _failed(self, message: Incoming, error: RpcError) -> Received:
        """An error answer: an opening one fails all waiting prompts, a turn's its own."""
        if message.method in _OPENING:
            return Received(events=self._not_opened(error))
        if message.method == "turn/start":
            self._starting = False
            code = code_for_text(error.message) or FailureCode.PROTOCOL_ERROR
            return self._end(code, short(error.message), None)
        dropped = self._steers.refused(str(message.id), error.message)
        notice = Notice(code="request_failed", level="warning", message=short(error.message))
        return Received(events=dropped or [notice])

    def _not_opened(self, error: RpcError) -> list[AgentEvent]:
        self._opening = False
        code = code_for_text(error.message) or FailureCode.PROTOCOL_ERROR
        text = short(error.message)
        waiting, self._queue = self._queue, []
        events: list[AgentEvent] = [Notice(code="handshake_failed", level="error", message=text)]
        for _ in waiting:
            events.append(TurnCompleted(ok=False, code=code, error=text))
            self._turn_ended()
        return events

    # --- the end of a turn -------------------------------------------------------------------

    def _over(self, turn: r.Turn) -> Received:
        """A turn has ended; the next prompt follows."""
        took = whole(turn.durationMs)
        match turn.status:
            case "completed":
                code, error = self.answered.lacks(self._reader.last_text) or (None, None)
            case "interrupted":
                code, error = FailureCode.INTERRUPTED, "interrupted"
            case None:
                code, error = UNTOLD
            case _:
                code, error = verdict_of(turn.error or self._error or r.TurnError())
        cut = code is FailureCode.INTERRUPTED
        received = self._end(code, error, took, outliving=not cut)
        if cut:
            received.send = (self.stop_background() or b"") + received.send
        return received

    def _end(
        self,
        code: FailureCode | None,
        error: str | None,
        duration_ms: int | None,
        *,
        outliving: bool = True,
    ) -> Received:
        solicited = self._turns.solicited or self._turns.on is None
        events = [*self._reader.end(), *self._steers.left()]
        self._turns.end()
        events += self._close_open("the turn ended", of_turn=outliving)
        usage = self._tokens.used
        if usage is not None:
            events.append(UsageReported(usage=usage, model=self._changed.get("model")))
        if self._interrupting and code is not None:
            code, error = FailureCode.INTERRUPTED, "interrupted"
        events.append(
            TurnCompleted(
                ok=code is None,
                text=self._reader.last_text,
                code=code,
                error=error,
                session_id=self.session_id,
                usage=usage,
                duration_ms=duration_ms,
                unsolicited=not solicited,
            )
        )
        if solicited:
            self._turn_ended()
        return Received(events=events, send=self._send_next())

    # --- requests from the CLI -----------------------------------------------------------------

    def _requested(self, message: Incoming, line: bytes) -> Received:
        named = {**message.params, "method": message.method}
        if "_meta" in named:
            named["meta"] = named.pop("_meta")
        request = r.REQUESTS.convert(named, self.drift, line)
        refusal = self._rpc.refuse(message.id, METHOD_NOT_FOUND, "not supported by this client")
        if isinstance(request, Unrecognised):
            notice = Notice(code="request_refused", level="debug", message=message.method[:120])
            return Received(events=[notice], send=refusal)
        if isinstance(request, Broken):
            return Received(events=[self._undecoded(request)], send=refusal)
        if self.drift.lost:
            # Nobody has seen all that would be allowed.
            return Received(send=self._refuse(message) or b"")
        if (declined := declined_unasked(request)) is not None:
            text = f"the MCP server {request.serverName} wants to know something"
            notice = Notice(code="question_refused", level="warning", message=short(text))
            return Received(events=[notice], send=self._rpc.reply(message.id, declined))
        request_id = str(message.id)[:128]
        self._requests[request_id] = (message.id, request)
        question = question_of(request, request_id, self.tools)
        return Received(events=[*self._reader.end(), *self._ask(question)])

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """As the base, after the text that was under way."""
        return self._reader.end() + super().finish(exit)
