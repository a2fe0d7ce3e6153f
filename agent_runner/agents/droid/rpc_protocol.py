"""Factory Droid's stream-jsonrpc, one process per conversation.

Flags do not configure such a session: model, autonomy, tools and MCP servers go into
droid.initialize_session, or, for a resumed one, into droid.update_session_settings after
droid.load_session. A tool call is told again while its input grows: ToolStarted comes once,
when the call leaves the phase `streaming_input`. A permission question is about a list of
calls and has one answer; denying ends the turn, for the CLI's own word for it is `cancel`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment, images_apart
from agent_runner.agents.base import AgentOptions, Exit, Feature, Form, PermissionAnswer, Received
from agent_runner.agents.droid import rpc_schema as d
from agent_runner.agents.droid.notes import DroidReader
from agent_runner.agents.failures import code_for_text, short
from agent_runner.agents.json_rpc import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    Incoming,
    RpcError,
    RpcPeer,
)
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.agents.steering import Steering
from agent_runner.decoding.decode import Broken, Part, Unrecognised, plain, shown
from agent_runner.errors import BadRequestError
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import Unknown
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.permission import PermissionOption, PermissionRequested
from agent_runner.events.session import SessionStarted
from agent_runner.events.usage import Usage
from conversation_store.codes import FailureCode

_HEADER = {"jsonrpc": "2.0", "factoryApiVersion": "1.0.0", "factoryProtocolVersion": "1.206.0"}
_OPENING = ("droid.initialize_session", "droid.load_session", "droid.update_session_settings")
_NOTIFICATION = "droid.session_notification"
_SESSION_NOT_FOUND = -32004
_AUTHENTICATION = -32001
_FEATURES: frozenset[Feature] = frozenset({"message", "session", "options", "stop"})


class DroidRpcProtocol(ProtocolBase):
    """One `droid exec` process in stream-jsonrpc. `settings` are droid's own names."""

    def __init__(
        self,
        options: AgentOptions,
        form: Form,
        resume: str | None,
        *,
        settings: dict[str, Any],
    ) -> None:
        super().__init__(options, form, resume)
        self._rpc = RpcPeer(_HEADER, text_ids=True, typed=True)
        self._reader = DroidReader(self, self.end_turn, options.model)
        self._settings = settings
        self._resume = resume
        self._ready = False
        self._opening = True
        self._queue: list[tuple[str, Sequence[Attachment]]] = []
        self._raw_ids: dict[str, Any] = {}
        self._calls: dict[str, list[str]] = {}
        self._steering = Steering()
        self._denials = 0

    # --- to the CLI ------------------------------------------------------------------------

    def open(self) -> bytes:
        """Open or load the session."""
        if self._resume is not None:
            return self._rpc.request("droid.load_session", {"sessionId": self._resume})
        return self._rpc.request(
            "droid.initialize_session",
            {"machineId": "agent-runner", "cwd": self.options.cwd, **self._settings},
        )

    @property
    def ready(self) -> bool:
        """See `base.CliProtocol`."""
        return self._ready

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """A user message, or nothing yet while the session opens."""
        self._begin_turn(text)
        if self._ready:
            return self._send_prompt(text, attachments)
        self._queue.append((text, attachments))
        if self._opening:
            return b""
        self._opening = True
        return self.open()

    def _send_prompt(self, text: str, attachments: Sequence[Attachment]) -> bytes:
        self._reader.begin_turn()
        self._denials = 0
        return self._rpc.request("droid.add_user_message", _message(text, attachments))

    def steer(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes | None:
        """See `base.CliProtocol`. It is taken in when the present step of the turn is done."""
        if not self._ready or not self._prompts or self._interrupting:
            return None
        message = {**_message(text, attachments), "queuePlacement": "end_of_turn"}
        sent = self._rpc.request("droid.add_user_message", message)
        self._steering.add(self._rpc.last_id)
        return sent

    def reconfigure(self, options: AgentOptions) -> bytes | None:
        """See `base.CliProtocol`. A default model, and to run all unasked, are for a start."""
        default = options.model is None and self.options.model is not None
        if default or "unsafe" in (options.permission_mode, self.options.permission_mode):
            return None
        changed = {"modelId": options.model, "autonomyLevel": options.permission_mode or "off"}
        self.options = options
        self._settings.update(changed)
        self._reader.model = options.model
        return self._rpc.request("droid.update_session_settings", changed)

    def interrupt(self) -> bytes | None:
        """Ends the turn as `cancelled`; the process and the session live on."""
        if not self._ready:
            return None
        if self._prompts:
            self._interrupting = True
        self._steering.drop()
        return self._rpc.request("droid.interrupt_session", {})

    @property
    def features(self) -> frozenset[Feature]:
        """See `base.CliProtocol`."""
        return _FEATURES

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """See `base.CliProtocol`. Droid cannot change a tool's input: BadRequestError."""
        question = self._questions[request_id]
        if question.name == "AskUser":
            return self._answer_questions(question, answer)
        if answer.allow and answer.updated_input is not None:
            raise BadRequestError(
                "unsupported_option", "this agent cannot run a tool with another input"
            )
        del self._questions[request_id]
        if answer.allow:
            wanted = ("allow_once", "allow_always")
            wanted = wanted[::-1] if answer.session else wanted
            option = answer.option_id or next(
                (o.option_id for kind in wanted for o in question.options if o.kind == kind),
                "proceed_once",
            )
        else:
            option = "cancel"
            self._denials += 1
            self.denied.update(self._calls.get(request_id, ()))
        self._calls.pop(request_id, None)
        body = {"selectedOption": option}
        if answer.message:
            body["comment"] = answer.message
        sent = self._rpc.reply(self._raw_ids.pop(request_id), body)
        if answer.interrupt:
            sent += self.interrupt() or b""
        return sent

    def _answer_questions(self, asked: PermissionRequested, answer: PermissionAnswer) -> bytes:
        """Each of the agent's questions with its answer; a deny cancels them."""
        del self._questions[asked.request_id]
        given = answer.answers if answer.allow else None
        body: dict[str, Any] = {"answers": []}
        if given is None:
            body["cancelled"] = True
        for question in asked.input["questions"]:
            text = (given or {}).get(str(question.get("question")))
            if text is not None:
                said = text if isinstance(text, str) else ", ".join(text)
                body["answers"].append({**_named(question), "answer": said})
        return self._rpc.reply(self._raw_ids.pop(asked.request_id), body)

    # --- from the CLI ----------------------------------------------------------------------

    def receive(self, line: bytes) -> Received:
        """See `base.CliProtocol`."""
        return self._take_parts(self._read(line), line)

    def _read(self, line: bytes) -> list[Part]:
        return [self._with_end(part) for part in self._rpc.read(line)]

    def _with_end(self, part: Part) -> Part:
        """A damaged part, as the end of a turn if it is seen to be one."""
        message = part.message
        if message is not None and (message.kind != "notification" or _note_of(message)):
            return part
        note = d.NOTIFICATIONS.seen_end(part.raw)
        if note is None:
            return part
        damage = part.damage or Broken("a notification that holds none", shown(part.raw))
        params = {"notification": note}
        message = Incoming(kind="notification", method=_NOTIFICATION, params=params)
        return Part(message, part.raw, damage)

    def _counts_in_part(self, message: Any) -> bool:
        told = (_note_of(message) or {}).get("type")
        return message.kind == "answer" or told in ("agent_turn_completed", "tool_result")

    def _refuse(self, message: Any) -> bytes | None:
        if message.kind != "request":
            return None
        return self._rpc.refuse(message.id, INVALID_PARAMS, "the request could not be read whole")

    def _take(self, message: Any, line: bytes) -> Received:
        if message.kind == "answer":
            self.saw("answer")
            return self._answered(message, line)
        if message.kind == "request":
            self.saw("request")
            return self._requested(message, line)
        note = _note_of(message)
        if note is None:
            unknown = Unknown(source_type=message.method[:120], raw=shown(line))
            return Received(events=[unknown])
        decoded = d.NOTIFICATIONS.convert(note, self.drift, line)
        if isinstance(decoded, (Broken, Unrecognised)):
            return Received(events=[self._undecoded(decoded)])
        name = str(note["type"])
        self.saw(name)
        taken: list[AgentEvent] = []
        if isinstance(decoded, d.CreateMessage):
            taken = self._steering.taken(str(decoded.requestId))
        return Received(events=[*taken, *self._reader.read(name, decoded, line)])

    # --- answers to our requests -------------------------------------------------------------

    def _answered(self, message: Incoming, line: bytes) -> Received:
        method = message.method
        if message.error is not None:
            dropped = self._steering.dropped(str(message.id), message.error.message)
            return Received(events=dropped or self._failed(method, message.error))
        if method not in _OPENING:
            return Received(events=[Activity(code=method or "stray_answer")])
        events: list[AgentEvent] = []
        if method != "droid.update_session_settings":
            events += self._opened(message.result)
            if self.session_id is None:
                error = RpcError(None, "the CLI gave no usable session id")
                return Received(events=[*events, *self._failed(method, error)])
            settings = {
                key: value
                for key, value in self._settings.items()
                if key in ("modelId", "autonomyLevel", "interactionMode")
            }
            if method == "droid.load_session" and settings:
                return Received(
                    events=events,
                    send=self._rpc.request("droid.update_session_settings", settings),
                )
        self._ready = True
        self._opening = False
        self._resume = self.session_id
        assert self.session_id is not None
        events.append(
            SessionStarted(
                session_id=self.session_id,
                model=self._reader.model,
                cwd=self.options.cwd,
                permission_mode=self._settings.get("autonomyLevel"),
            )
        )
        queue, self._queue = self._queue, []
        return Received(events=events, send=b"".join(self._send_prompt(*asked) for asked in queue))

    def _opened(self, result: Any) -> list[AgentEvent]:
        opened = result if isinstance(result, dict) else {}
        session_id, settings = opened.get("sessionId"), opened.get("settings")
        if isinstance(settings, dict) and isinstance(settings.get("modelId"), str):
            self._reader.model = self._reader.model or settings["modelId"]
        return self._accept_session_id(session_id if isinstance(session_id, str) else None)

    def _failed(self, method: str, error: RpcError) -> list[AgentEvent]:
        """An error answer: an opening one fails all waiting prompts, a message's its own."""
        code = code_for_text(error.message) or FailureCode.PROTOCOL_ERROR
        if error.code == _SESSION_NOT_FOUND:
            code = FailureCode.SESSION_NOT_FOUND
        elif error.code == _AUTHENTICATION:
            code = FailureCode.AUTH_REQUIRED
        text = short(error.message)
        if method == "droid.add_user_message":
            return self.end_turn(code=code, error=text, reason=None)
        if method == "droid.interrupt_session":
            self._interrupting = False
        if method not in _OPENING:
            return [Notice(code="request_failed", level="warning", message=text)]
        self._opening = False
        queue, self._queue = self._queue, []
        events: list[AgentEvent] = [Notice(code="handshake_failed", level="error", message=text)]
        for _ in queue:
            events += self.end_turn(code=code, error=text, reason=None)
        return events

    def end_turn(
        self,
        *,
        code: FailureCode | None,
        error: str | None,
        reason: str | None,
        usage: Usage | None = None,
        duration_ms: int | None = None,
    ) -> list[AgentEvent]:
        """What is open ends, then TurnCompleted. A denied call makes a good end a failure."""
        if code is None and self._denials:
            code, error = FailureCode.PERMISSION_DENIED, "a denied permission ended the turn"
        if code is None and (lacks := self.answered.lacks(self._reader.last_text)) is not None:
            code, error = lacks
        if code is not None and self._interrupting:
            code, error = FailureCode.INTERRUPTED, "interrupted"
        events = self._reader.end() + self._close_open("the turn ended")
        self._raw_ids.clear()
        self._calls.clear()
        turn = TurnCompleted(
            ok=code is None,
            text=self._reader.last_text,
            code=code,
            error=error,
            stop_reason=reason,
            session_id=self.session_id,
            usage=usage,
            duration_ms=duration_ms,
            unsolicited=not self._prompts,
        )
        goes_on = self._steering.waits
        events.append(self._steering.ended(turn))
        if not goes_on:
            self._turn_ended()
        self._denials = 0
        self._reader.begin_turn()
        return events

    # --- requests from the CLI -----------------------------------------------------------------

    def _requested(self, message: Incoming, line: bytes) -> Received:
        refusal = self._rpc.refuse(message.id, METHOD_NOT_FOUND, "not supported by this client")
        request = d.REQUESTS.convert({**message.params, "method": message.method}, self.drift, line)
        if isinstance(request, Unrecognised):
            notice = Notice(code="request_refused", level="debug", message=message.method[:120])
            return Received(events=[notice], send=refusal)
        if isinstance(request, Broken):
            return Received(events=[self._undecoded(request)], send=refusal)
        if self.drift.lost:
            # Nobody has seen all that would be allowed.
            return Received(send=self._refuse(message) or b"")
        request_id = str(message.id)[:128]
        self._raw_ids[request_id] = message.id
        if isinstance(request, d.AskUser):
            question = PermissionRequested(
                request_id=request_id,
                name="AskUser",
                input={"questions": _questions(request.questions)},
                tool_call_id=request.toolCallId,
                options=_ANSWER_OPTIONS,
                kind="question",
            )
            return Received(events=self._ask(question))
        assert isinstance(request, d.PermissionRequest)
        events = self._reader.end()
        calls = [asked.toolUse for asked in request.toolUses]
        plan = any(asked.confirmationType == "exit_spec_mode" for asked in request.toolUses)
        for call in calls:
            events += self._reader.start(call)
        self._calls[request_id] = [call.id for call in calls]
        first = calls[0] if calls else d.ToolUse(id="", name="tool")
        whole_input = plain(first.input) if isinstance(first.input, dict) else {}
        if len(calls) > 1:
            whole_input = {"toolUses": [{"name": c.name, "input": plain(c.input)} for c in calls]}
        return Received(
            events=[
                *events,
                *self._ask(
                    PermissionRequested(
                        request_id=request_id,
                        name=first.name,
                        input=whole_input,
                        tool_call_id=first.id or None,
                        title=", ".join(call.name for call in calls) if len(calls) > 1 else None,
                        options=[_option(option) for option in request.options or ()],
                        kind="plan" if plan else "permission",
                    )
                ),
            ]
        )

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """As the base, after the text that was under way."""
        return self._reader.end() + super().finish(exit)


_ANSWER_OPTIONS = [
    PermissionOption(option_id="answer", name="Answer", kind="allow_once"),
    PermissionOption(option_id="cancel", name="Cancel", kind="reject_once"),
]


def _message(text: str, attachments: Sequence[Attachment]) -> dict[str, Any]:
    """The params of a user message; images go with it in base64."""
    words, images = images_apart(text, attachments)
    if not images:
        return {"text": words}
    return {
        "text": words,
        "images": [
            {"type": "base64", "data": b64encode(data).decode(), "mediaType": image.media_type}
            for image, data in images
        ],
    }


def _note_of(message: Incoming) -> dict[str, Any] | None:
    """The note of the method of notifications, or of any method that brings one."""
    note = message.params.get("notification")
    if not isinstance(note, dict):
        return None
    return note if message.method == _NOTIFICATION or note.get("type") in d.NOTIFICATIONS else None


def _questions(questions: Any) -> list[dict[str, Any]]:
    """[{index, topic, question, options}], as far as the CLI's list is that."""
    listed = plain(questions)
    return [q for q in listed if isinstance(q, dict)] if isinstance(listed, list) else []


def _named(question: dict[str, Any]) -> dict[str, Any]:
    return {name: question[name] for name in ("index", "question") if name in question}


def _option(option: d.Option) -> PermissionOption:
    kind = "allow_always"
    if option.value in ("proceed_once", "proceed_edit"):
        kind = "allow_once"
    elif option.value == "cancel":
        kind = "reject_once"
    return PermissionOption(option_id=option.value, name=option.label or option.value, kind=kind)
