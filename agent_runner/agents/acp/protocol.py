"""The Agent Client Protocol, for any agent that speaks it: one process, one session.

Handshake: initialize, session/new (or session/load), perhaps session/set_mode and
session/set_model; prompts wait until it is done. Every failure on the way fails the waiting
prompts; the next prompt begins the handshake again at the session.

fs/* and terminal/* are not offered: they are refused if asked for all the same. History that
session/load replays makes no events. Gemini 0.61.0 replays most of it after its answer, so
that the next prompt's text would run into the old one's: the prompt waits until a request to
an unknown method is refused without an update in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from agent_runner.agents.acp import schema as acp
from agent_runner.agents.acp.answers import (
    AUTH_REQUIRED,
    STOP_REASONS,
    failure_of,
    mcp_servers,
    mode_of,
    model_of,
    takes_images,
    usage_of,
)
from agent_runner.agents.acp.calls import tool_input, tool_name
from agent_runner.agents.acp.cost import SessionCost
from agent_runner.agents.acp.held import HeldCalls
from agent_runner.agents.acp.prompt import prompt_blocks
from agent_runner.agents.acp.updates import started, update_events
from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import AgentOptions, Exit, Feature, Form, PermissionAnswer, Received
from agent_runner.agents.failures import short
from agent_runner.agents.json_rpc import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    Incoming,
    RpcError,
    RpcPeer,
)
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.agents.text_items import TextItems
from agent_runner.agents.tool_calls import NO_PERMISSION
from agent_runner.agents.unanswered import UNTOLD
from agent_runner.decoding.decode import Broken, Part, Unrecognised, shown
from agent_runner.errors import BadRequestError
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import Unknown
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.permission import PermissionOption, PermissionRequested
from agent_runner.events.session import SessionStarted
from agent_runner.events.usage import Usage, UsageReported
from conversation_store.codes import FailureCode

_PING = "_agent_runner/ping"
_SET_MODE, _SET_MODEL = "session/set_mode", "session/set_model"
_SETTING = {_SET_MODE: "modeId", _SET_MODEL: "modelId"}
_MOST_PINGS = 200
_MOST_SEEN = 200
_FEATURES: frozenset[Feature] = frozenset({"session", "options", "stop"})


class AcpProtocol(ProtocolBase):
    """One ACP agent process. `mode` and `model` are set over the protocol where given.

    `mode_ids` are the protocol's ids of modes that the CLI's own words call otherwise.
    """

    def __init__(
        self,
        options: AgentOptions,
        form: Form,
        resume: str | None,
        *,
        mode: str | None = None,
        model: str | None = None,
        mode_ids: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(options, form, resume)
        self._rpc = RpcPeer({"jsonrpc": "2.0"}, text_ids=False, typed=False)
        self._text = TextItems()
        self._held = HeldCalls()
        self._resume = resume
        self._mode_ids = mode_ids
        self._to_set = {
            method: value for method, value in ((_SET_MODE, mode), (_SET_MODEL, model)) if value
        }
        self._set: dict[str, str] = {}
        self._began: dict[str, str] = {}
        self._was_ready = False
        self._ready = False
        self._initialized = False
        self._takes_images = False
        self._cost = SessionCost(new=resume is None)
        self._opening = True
        self._queue: list[tuple[str, Sequence[Attachment]]] = []
        self._raw_ids: dict[str, Any] = {}
        self._pings = 0
        self._quiet = True
        self._info: acp.AgentInfo | None = None

    # --- to the agent --------------------------------------------------------------------

    def open(self) -> bytes:
        """The first request of the handshake."""
        capabilities = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}
        return self._rpc.request(
            "initialize", {"protocolVersion": 1, "clientCapabilities": capabilities}
        )

    @property
    def ready(self) -> bool:
        """See `base.CliProtocol`."""
        return self._ready

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """A session/prompt, or nothing yet while the handshake lasts."""
        self._begin_turn(text)
        if self._ready:
            return self._send_prompt(text, attachments)
        self._queue.append((text, attachments))
        if self._opening:
            return b""
        self._opening = True
        return self._open_session() if self._initialized else self.open()

    def _send_prompt(self, text: str, attachments: Sequence[Attachment]) -> bytes:
        self._text.begin_turn()
        content = prompt_blocks(text, attachments, images=self._takes_images)
        return self._rpc.request(
            "session/prompt", {"sessionId": self.session_id, "prompt": content}
        )

    def reconfigure(self, options: AgentOptions) -> bytes | None:
        """See `base.CliProtocol`. What the session began with stands for the CLI's default."""
        named = {
            _SET_MODE: self._mode_ids.get(options.permission_mode or "", options.permission_mode),
            _SET_MODEL: options.model,
        }
        wanted = {method: value or self._default(method) for method, value in named.items()}
        known = {method: value for method, value in wanted.items() if value is not None}
        if not self._ready or self._prompts or len(known) < len(wanted):
            return None
        holds = {**self._began, **self._set}
        self._to_set = {
            method: value for method, value in known.items() if value != holds.get(method)
        }
        if not self._to_set:
            return b""
        self._ready, self._opening = False, True
        return self._continue_opening([]).send

    def interrupt(self) -> bytes | None:
        """Cancel the turn; open questions are answered `cancelled`, as the protocol asks."""
        if not self._ready:
            return None
        if self._prompts:
            self._interrupting = True
        sent = b""
        for request_id in list(self._questions):
            sent += self._reply_outcome(request_id, None)
            self._later.extend(self.withdraw(request_id, "interrupted"))
        return sent + self._rpc.notify("session/cancel", {"sessionId": self.session_id})

    @property
    def features(self) -> frozenset[Feature]:
        """See `base.CliProtocol`."""
        return _FEATURES

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """See `base.CliProtocol`. ACP can neither change a tool's input nor take a message."""
        question = self._questions[request_id]
        if answer.allow and answer.updated_input is not None:
            raise BadRequestError(
                "unsupported_option", "this agent cannot run a tool with another input"
            )
        del self._questions[request_id]
        wanted = ("reject_once", "reject_always")
        if answer.allow:
            wanted = ("allow_once", "allow_always")
            wanted = wanted[::-1] if answer.session else wanted
        option = answer.option_id or next(
            (o.option_id for kind in wanted for o in question.options if o.kind == kind), None
        )
        if not answer.allow and question.tool_call_id:
            self.denied.add(question.tool_call_id)
        sent = self._reply_outcome(request_id, option)
        if answer.interrupt:
            sent += self.interrupt() or b""
        return sent

    def _reply_outcome(self, request_id: str, option_id: str | None) -> bytes:
        outcome = {"outcome": "cancelled"}
        if option_id is not None:
            outcome = {"outcome": "selected", "optionId": option_id}
        return self._rpc.reply(self._raw_ids.pop(request_id), {"outcome": outcome})

    # --- from the agent ------------------------------------------------------------------

    def receive(self, line: bytes) -> Received:
        """See `base.CliProtocol`."""
        received = self._take_parts(self._rpc.read(line), line)
        if self._later:
            received.events = [*self._later, *received.events]
            self._later = []
        return received

    def _read(self, line: bytes) -> list[Part]:
        return self._rpc.read(line)

    def _counts_in_part(self, message: Any) -> bool:
        if message.method != "session/update":
            return bool(message.kind == "answer")
        update = message.params.get("update")
        return isinstance(update, dict) and update.get("status") in ("completed", "failed")

    def _refuse(self, message: Any) -> bytes | None:
        if message.kind != "request":
            return None
        return self._rpc.refuse(message.id, INVALID_PARAMS, "the request could not be read whole")

    def _take(self, message: Any, line: bytes) -> Received:
        what = f"{message.kind} {message.method}"[:80]
        if what in self._named or len(self._named) < _MOST_SEEN:
            self.saw(what)
        if message.kind == "answer":
            return self._answered(message, line)
        if message.kind == "request":
            return self._requested(message, line)
        if message.method == "session/update":
            return Received(events=self._updated(message, line))
        unknown = Unknown(source_type=message.method[:120], raw=shown(line))
        return Received(events=[unknown])

    # --- answers to our requests ---------------------------------------------------------

    def _answered(self, message: Incoming, line: bytes) -> Received:
        method = message.method
        if not method:
            text = message.error.message if message.error else ""
            return Received(
                events=[Notice(code="stray_answer", level="warning", message=short(text))]
            )
        if method == _PING:
            return self._pinged()
        if message.error is not None:
            return Received(events=self._failed(method, message.error))
        if method in _SETTING:
            self._set[method] = self._to_set.pop(method)
            return self._continue_opening([Activity(code=method)])
        result = message.result if isinstance(message.result, dict) else {}
        answer = acp.ANSWERS.convert({**result, "method": method}, self.drift, line)
        if isinstance(answer, (Broken, Unrecognised)):
            error = RpcError(None, f"an answer to {method} that does not fit")
            return Received(events=[self._undecoded(answer), *self._failed(method, error)])
        if isinstance(answer, acp.Initialized):
            self._initialized = True
            self._info = answer.agentInfo
            self._takes_images = takes_images(answer)
            loads = answer.agentCapabilities is not None and answer.agentCapabilities.loadSession
            if self._resume is not None and not loads:
                error = RpcError(None, "session not found: this agent cannot load sessions")
                return Received(events=self._failed("session/load", error))
            return Received(events=[Activity(code="initialized")], send=self._open_session())
        if isinstance(answer, acp.SessionOpened):
            events = self._accept_session_id(answer.sessionId)
            if self.session_id is None:
                error = RpcError(None, "the agent gave no usable session id")
                return Received(events=[*events, *self._failed(method, error)])
            found = {_SET_MODE: mode_of(answer), _SET_MODEL: model_of(answer)}
            said = {method: value for method, value in found.items() if value is not None}
            self._began = {**said, **self._began}
            # A session that could not be set up is followed by another, which knows nothing yet.
            self._to_set, self._set = {**self._set, **self._to_set}, {}
            if method == "session/load":
                return Received(events=events, send=self._ping())
            return self._continue_opening(events)
        assert isinstance(answer, acp.PromptEnded)
        return Received(events=self._ended(answer))

    def _default(self, method: str) -> str | None:
        """What the CLI chose by itself; None if it was told, or does not say."""
        told = self.options.permission_mode if method == _SET_MODE else self.options.model
        return None if told else self._began.get(method)

    def _open_session(self) -> bytes:
        params: dict[str, Any] = {
            "cwd": self.options.cwd,
            "mcpServers": mcp_servers(self.options.mcp_servers),
        }
        if self._resume is not None:
            return self._rpc.request("session/load", {"sessionId": self._resume, **params})
        return self._rpc.request("session/new", params)

    def _ping(self) -> bytes:
        """A request no agent knows: its refusal shows that the agent has got this far."""
        self._pings += 1
        self._quiet = True
        return self._rpc.request(_PING, {})

    def _pinged(self) -> Received:
        """Go on once no history came between two pings, or give up waiting for that."""
        if not self._quiet and self._pings < _MOST_PINGS:
            return Received(send=self._ping(), events=[Activity(code="history")])
        return self._continue_opening([Activity(code="history_ended")])

    def _continue_opening(self, events: list[AgentEvent]) -> Received:
        """Send the next setting, or, when there is none, the prompts that wait."""
        if self._to_set:
            method = next(iter(self._to_set))
            params = {"sessionId": self.session_id, _SETTING[method]: self._to_set[method]}
            return Received(events=events, send=self._rpc.request(method, params))
        assert self.session_id is not None
        self._ready = self._was_ready = True
        self._opening = False
        self._resume = self.session_id
        holds = {**self._began, **self._set}
        events.append(
            SessionStarted(
                session_id=self.session_id,
                model=holds.get(_SET_MODEL),
                cwd=self.options.cwd,
                cli_version=self._info.version if self._info else None,
                permission_mode=holds.get(_SET_MODE),
            )
        )
        queue, self._queue = self._queue, []
        return Received(events=events, send=b"".join(self._send_prompt(*asked) for asked in queue))

    def _failed(self, method: str, error: RpcError) -> list[AgentEvent]:
        """An error answer: a prompt's fails that prompt, another one's all that wait."""
        if method == "session/prompt":
            return self._turn(
                ok=False, code=failure_of(error), error=short(error.message), stop_reason=None
            )
        self._opening = False
        queue, self._queue = self._queue, []
        code = failure_of(error)
        if method == "session/load":
            code = FailureCode.AUTH_REQUIRED if error.code == AUTH_REQUIRED else code
            if code in (FailureCode.CLI_ERROR, FailureCode.PROTOCOL_ERROR):
                code = FailureCode.SESSION_NOT_FOUND
        elif method in _SETTING:
            code = FailureCode.CLI_USAGE
            if self._was_ready:
                # The session is open all the same, with what it had before.
                self._to_set = {}
                self._ready = True
        events: list[AgentEvent] = [
            Notice(code="handshake_failed", level="error", message=short(error.message))
        ]
        for _ in queue:
            events += self._turn(ok=False, code=code, error=short(error.message), stop_reason=None)
        return events

    def _ended(self, answer: acp.PromptEnded) -> list[AgentEvent]:
        usage, model = usage_of(answer)
        events: list[AgentEvent] = []
        if usage is not None:
            events.append(UsageReported(usage=usage, model=model))
        code = STOP_REASONS.get(answer.stopReason or "")
        error = f"the agent stopped: {answer.stopReason}" if code else None
        if code is None:
            untold = UNTOLD if self.in_part and answer.stopReason is None else None
            code, error = untold or self.answered.lacks(None) or (None, None)
        return events + self._turn(
            ok=code is None,
            code=code,
            error=error,
            stop_reason=answer.stopReason,
            usage=usage,
            cost_usd=self._cost.of_turn(),
        )

    def _turn(
        self,
        *,
        ok: bool,
        code: FailureCode | None,
        error: str | None,
        stop_reason: str | None,
        usage: Usage | None = None,
        cost_usd: float | None = None,
    ) -> list[AgentEvent]:
        if not ok and self._interrupting:
            code = FailureCode.INTERRUPTED
        if code is FailureCode.INTERRUPTED:
            error = "interrupted"
        events = self._text.end() + self._start_held() + self._close_open("the turn ended")
        events.append(
            TurnCompleted(
                ok=ok,
                text=self._text.last,
                code=code,
                error=error,
                stop_reason=stop_reason,
                session_id=self.session_id,
                usage=usage,
                cost_usd=cost_usd,
                unsolicited=not self._prompts,
            )
        )
        self._text.begin_turn()
        self._turn_ended()
        return events

    # --- requests from the agent ---------------------------------------------------------

    def _requested(self, message: Incoming, line: bytes) -> Received:
        refusal = self._rpc.refuse(message.id, METHOD_NOT_FOUND, "not supported by this client")
        request = acp.REQUESTS.convert(
            {**message.params, "method": message.method}, self.drift, line
        )
        if isinstance(request, Unrecognised):
            notice = Notice(code="request_refused", level="debug", message=message.method[:120])
            return Received(events=[notice], send=refusal)
        if isinstance(request, Broken):
            return Received(events=[self._undecoded(request)], send=refusal)
        if self.drift.lost:
            # Nobody has seen all that would be allowed.
            return Received(send=self._refuse(message) or b"")
        assert isinstance(request, acp.PermissionRequest)
        request_id = str(message.id)[:128]
        self._raw_ids[request_id] = message.id
        call = self._held.whole(request.toolCall)
        begun = [] if call is request.toolCall else self.start_tool(started(call))
        return Received(
            events=[
                *self._text.end(),
                *begun,
                *self._ask(
                    PermissionRequested(
                        request_id=request_id,
                        name=tool_name(call),
                        input=tool_input(call),
                        tool_call_id=call.toolCallId,
                        title=call.title,
                        tool_kind=call.kind,
                        kind="plan" if call.kind == NO_PERMISSION else "permission",
                        options=[
                            PermissionOption(option_id=o.optionId, name=o.name, kind=o.kind)
                            for o in request.options or ()
                        ],
                    )
                ),
            ]
        )

    # --- notifications -------------------------------------------------------------------

    def _updated(self, message: Incoming, line: bytes) -> list[AgentEvent]:
        update = message.params.get("update")
        if not isinstance(update, dict):
            return [self._undecoded(Broken("session/update without an update", shown(line)))]
        if not self._ready and self._resume is not None:
            self._quiet = False
            return [Activity(code="history")]
        decoded = acp.UPDATES.convert(update, self.drift, line)
        if isinstance(decoded, (Broken, Unrecognised)):
            return [self._undecoded(decoded)]
        if isinstance(decoded, acp.UsageUpdate):
            self._cost.told(decoded)
        return update_events(self, self._text, self._held, str(update["sessionUpdate"]), decoded)

    # --- the end -------------------------------------------------------------------------

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """As the base, after the text that was under way."""
        return self._text.end() + self._start_held() + super().finish(exit)

    def _start_held(self) -> list[AgentEvent]:
        return [event for call in self._held.take() for event in self.start_tool(started(call))]
