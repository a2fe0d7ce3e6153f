"""Claude Code's stream-json protocol: lines in, events and control messages out.

A deny answered to a permission question makes the tool's result an error; the turn goes on.
A background task that ends begins a turn by itself, whose result answers no prompt; so
results are not counted but looked at (`origin`). `total_cost_usd` grows with the process:
events carry the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal
from uuid import uuid4

import msgspec

from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import AgentOptions, Feature, Form, PermissionAnswer, Received
from agent_runner.agents.claude import control_schema as control
from agent_runner.agents.claude import schema as c
from agent_runner.agents.claude import system_schema as system
from agent_runner.agents.claude.blocks import SYNTHETIC, BlockReader
from agent_runner.agents.claude.limits import Limits
from agent_runner.agents.claude.messages import answer_line, line, refusal_line, user_line
from agent_runner.agents.claude.mode import MODES_BY_MESSAGE, PLAN_TOOL, PermissionMode, for_session
from agent_runner.agents.claude.notices import rest_events
from agent_runner.agents.claude.result import tells_how, turn_result
from agent_runner.agents.claude.steering import ClaudeSteering
from agent_runner.agents.claude.stream_schema import STREAM
from agent_runner.agents.claude.system import refusal_words, system_events
from agent_runner.agents.claude.turns import Turns
from agent_runner.agents.failures import code_for_text, short
from agent_runner.agents.line_reader import join
from agent_runner.agents.protocol import ENDED, ProtocolBase
from agent_runner.agents.slash_commands import command_names
from agent_runner.agents.unanswered import UNTOLD
from agent_runner.decoding.decode import Broken, Unrecognised, objects, plain, shown, whole
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.permission import PermissionOption, PermissionRequested
from agent_runner.events.session import SessionStarted
from agent_runner.events.usage import Usage, UsageReported
from conversation_store.codes import FailureCode

_FEATURES: frozenset[Feature] = frozenset({"message", "updatedInput", "session", "stop"})
_QUESTIONS: dict[str, Literal["question", "plan"]] = {
    "AskUserQuestion": "question",
    PLAN_TOOL: "plan",
}
_OPTIONS = [
    PermissionOption(option_id="allow", name="Allow", kind="allow_once"),
    PermissionOption(option_id="deny", name="Deny", kind="reject_once"),
]

# Turns that no prompt of ours began, by `origin.kind`; all but the first from the types.
_UNSOLICITED = frozenset({"task-notification", "channel", "peer", "coordinator"})


class _Asked(msgspec.Struct):
    request_id: str
    request: Any


class ClaudeProtocol(ProtocolBase):
    """One Claude Code process, one-shot or warm: the protocol is the same."""

    lines = c.LINES

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._turns = Turns(self.tools)
        self._steering = ClaudeSteering()
        self._blocks = BlockReader(self, self._turns.answered)
        self._mode = PermissionMode()
        self._asked: dict[str, str] = {}
        self._asked_count = 0
        self._requests: dict[str, control.CanUseTool] = {}
        self._inputs: dict[str, dict[str, Any]] = {}
        self._cost = 0.0
        self._limits = Limits()
        self._error: str | None = None
        self._model: str | None = None
        self._wants_structure = any(
            word.partition("=")[0] == "--json-schema" for word in options.extra_args
        )
        self._readers = {
            c.StreamEvent: self._stream_event,
            c.Assistant: self._assistant,
            c.User: self._user,
        }
        self._handlers: dict[type, Callable[[Any, bytes], Received]] = {
            c.Result: self._result,
            c.RateLimitEvent: self._rate_limit,
            c.CommandLifecycle: self._lifecycle,
            system.Init: self._init,
            control.ControlRequest: self._control_request,
            control.ControlResponse: self._control_response,
            control.ControlCancelRequest: self._control_cancel,
            system.Status: self._status,
            system.Task: self._task,
            system.BackgroundTasks: self._task_list,
        }

    # --- to the CLI --------------------------------------------------------------------------

    def open(self) -> bytes:
        """Warm: an `initialize`, whose answer shows that the process is ready for a prompt."""
        if self.form is Form.WARM:
            return self._ask_cli("initialize", {"hooks": None})
        return b""

    @property
    def ready(self) -> bool:
        """See `base.CliProtocol`."""
        return "initialize" not in self._asked.values()

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """One user line, with images as blocks before its text."""
        self._begin_turn(text)
        return user_line(text, attachments)

    def steer(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes | None:
        """See `base.CliProtocol` and `steering`."""
        if not self._steering.offered or not self._prompts or self._interrupting:
            return None
        self._steering.send()
        return user_line(text, attachments, uuid=str(uuid4()))

    def reconfigure(self, options: AgentOptions) -> bytes | None:
        """See `base.CliProtocol`. The CLI enters some modes at its start only."""
        sent = b""
        if options.permission_mode != self.options.permission_mode:
            if (options.permission_mode or "default") not in MODES_BY_MESSAGE:
                return None
            sent += self._ask_cli(
                "set_permission_mode", {"mode": options.permission_mode or "default"}
            )
        if options.model != self.options.model:
            sent += self._ask_cli("set_model", {"model": options.model} if options.model else {})
        self.options = options
        return sent

    def interrupt(self) -> bytes | None:
        """Ends the turn; the process and the session live on. Idle: no effect."""
        if self._prompts:
            self._interrupting = True
        self._turns.interrupt()
        waits = self._steering.waits
        self._steering.drop()
        return self._ask_cli("interrupt", {"cancel_queued": True} if waits else {})

    @property
    def features(self) -> frozenset[Feature]:
        """See `base.CliProtocol`."""
        return _FEATURES

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """See `base.CliProtocol`. Allowing needs the input again, changed or not.

        The answers to AskUserQuestion go into its input (recorded: 2.1.332, ask-user).
        """
        question = self._questions.pop(request_id)
        request = self._requests.pop(request_id)
        if answer.allow:
            changed = self._input_of(request_id, request, answer.updated_input)
            if answer.answers is not None:
                changed = {**changed, "answers": answer.answers}
            body: dict[str, Any] = {"behavior": "allow", "updatedInput": changed}
            if answer.session:
                body["updatedPermissions"] = for_session(request.permission_suggestions)
            if question.kind == "plan":
                self._mode.agree(body.get("updatedPermissions", []))
        else:
            if question.tool_call_id:
                self.denied.add(question.tool_call_id)
            body = {"behavior": "deny", "message": answer.message or "Permission denied."}
            if answer.interrupt:
                body["interrupt"] = True
                self._interrupting = True
        return answer_line(request_id, body)

    def unmasked(self, line: bytes) -> None:
        """Keep the input of a question: it goes back as it is."""
        try:
            asked = msgspec.json.decode(line, type=_Asked)
        except (msgspec.MsgspecError, ValueError):
            return  # salvaged from a broken line: what was shown goes back
        if asked.request_id in self._requests and isinstance(asked.request, dict):
            given = asked.request.get("input")
            if isinstance(given, dict):
                self._inputs[asked.request_id] = given

    def _input_of(
        self, request_id: str, shown: control.CanUseTool, updated: dict[str, Any] | None
    ) -> dict[str, Any]:
        """The input to run with; what nobody has changed is what the CLI has sent."""
        own = self._inputs.pop(request_id, shown.input)
        if updated is None:
            return own
        return {
            name: own.get(name) if name in own and value == shown.input.get(name) else value
            for name, value in updated.items()
        }

    # --- work that outlives its turn -----------------------------------------------------------

    @property
    def background(self) -> list[BackgroundTask]:
        """See `base.CliProtocol`."""
        return self._turns.tasks.outliving(self.tools)

    @property
    def resting(self) -> bool:
        """See `base.CliProtocol`."""
        return not self._prompts and self._turns.on is None

    @property
    def untold(self) -> bool:
        """See `base.CliProtocol`."""
        return self._turns.untold

    def give_up_telling(self) -> None:
        """See `base.CliProtocol`."""
        self._turns.give_up_telling()

    def outlives(self, request_id: str) -> bool:
        """See `base.CliProtocol`."""
        request = self._requests.get(request_id)
        return request is not None and self._turns.of_request(request) is not None

    def stop_background(self) -> bytes | None:
        """A message for each task; the CLI tells of each end, and then in a turn of its own.

        What the turn that is on has begun is its own.
        """
        ids = [task.task_id for task in self._turns.others() if task.task_id is not None]
        lines = (self._ask_cli("stop_task", {"task_id": task_id}) for task_id in ids)
        return b"".join(lines) or None

    def finish_background(self) -> Received:
        """See `base.CliProtocol`. What was in the foreground ends with its turn."""
        turns = self._turns
        asked = {key: turns.of_request(self._requests[key]) for key in self._questions}
        calls = {call: turns.tasks.of_call(call, self.tools) for call in self.tools}
        turns.tasks.drop_foreground(self.tools)
        closed: list[Received] = []
        for key, begun in asked.items():
            if (background_turn := turns.background_turn(begun)) is not None:
                events = self.withdraw(key, ENDED, by="exit")
                closed.append(Received(events=events, background_turn=background_turn))
        for call, begun in calls.items():
            if (background_turn := turns.background_turn(begun)) is not None:
                events = self.end_tool(call, failed=True, error=f"{ENDED} before the tool did")
                closed.append(Received(events=events, background_turn=background_turn))
        return join(closed)

    def withdraw(self, request_id: str, message: str, *, by: str = "cli") -> list[AgentEvent]:
        """See `ProtocolBase`."""
        self._requests.pop(request_id, None)
        self._inputs.pop(request_id, None)
        return super().withdraw(request_id, message, by=by)

    def _owner(self, message: c.Assistant | c.User | c.StreamEvent) -> int | None:
        """See `LineReader`. What the model says begins a turn, unless a helper says it."""
        turns, parent = self._turns, message.parent_tool_use_id
        if parent is not None:
            return turns.background_turn(turns.tasks.of_call(parent, self.tools))
        if turns.on is None and not isinstance(message, c.User):
            turns.begin(prompted=self._prompts > 0)
        return turns.background_turn(None)

    def _task(self, message: system.Task, line: bytes) -> Received:
        begun = self._turns.read(message)
        return Received(
            events=system_events(message), background_turn=self._turns.background_turn(begun)
        )

    def _task_list(self, message: system.BackgroundTasks, line: bytes) -> Received:
        self._turns.read_list(message)
        return Received(
            events=system_events(message), background_turn=self._turns.background_turn(None)
        )

    def _status(self, message: system.Status, line: bytes) -> Received:
        events = [*system_events(message), *self._mode.told(message.permissionMode)]
        return Received(events=events, background_turn=self._turns.background_turn(None))

    def _call_outlives(self, call: str) -> bool:
        return self._turns.tasks.of_call(call, self.tools) is not None

    def _close_turn(self) -> list[AgentEvent]:
        """Close what belongs to the turn that has its result, and nothing else."""
        calls = set(self.tools)
        events = self._close_open("the turn ended", of_turn=True)
        for call in calls.difference(self.tools):
            self._turns.tasks.closed(call)
        return events

    def _ask_cli(self, subtype: str, fields: dict[str, Any]) -> bytes:
        self._asked_count += 1
        request_id = f"r{self._asked_count}"
        self._asked[request_id] = subtype
        return line(
            {
                "type": "control_request",
                "request_id": request_id,
                "request": {"subtype": subtype, **fields},
            }
        )

    # --- from the CLI ------------------------------------------------------------------------

    def _take(self, message: Any, line: bytes) -> Received:
        kind = type(message)
        self.saw(kind.__name__)
        reader = self._readers.get(kind)
        if reader is not None:
            background_turn = self._owner(message)
            return Received(events=reader(message, line), background_turn=background_turn)
        handler = self._handlers.get(kind)
        if handler is not None:
            return handler(message, line)
        if isinstance(message, system.Text) and (words := refusal_words(message)):
            self.answered.refused(words)
        events = (
            system_events(message) if isinstance(message, system.System) else rest_events(message)
        )
        return Received(events=events, background_turn=self._turns.background_turn(None))

    def _counts_in_part(self, message: Any) -> bool:
        if isinstance(message, c.Result):
            # A type alone is no end: the whole line may yet come.
            return message.subtype is not None or tells_how(message)
        return isinstance(message, c.User)

    def _refuse(self, message: Any) -> bytes | None:
        if not isinstance(message, control.ControlRequest):
            return None
        if message.request.get("subtype") == "can_use_tool":
            body = {"behavior": "deny", "message": "The question could not be read whole."}
            return answer_line(message.request_id, body)
        return refusal_line(message.request_id)

    def _stream_event(self, message: c.StreamEvent, line: bytes) -> list[AgentEvent]:
        inner = STREAM.strict(message.event)
        if inner is None:
            data, _, broken = next(objects(bytes(message.event)))
            if data is not None and broken is None:
                inner = STREAM.convert(data, self.drift, line)
            else:
                inner = Broken("stream_event: no event", shown(line))
        kind = type(inner)
        if kind is Broken or kind is Unrecognised:
            return [self._undecoded(inner)]
        self.saw(kind.__name__)
        return self._blocks.stream(inner, message.parent_tool_use_id)

    def _assistant(self, message: c.Assistant, line: bytes) -> list[AgentEvent]:
        if message.parent_tool_use_id is None:
            self._error = message.error or self._error_words(message)
        return self._blocks.assistant(message, line)

    def _error_words(self, message: c.Assistant) -> str | None:
        """That a model call failed, where the CLI says so in its own words and in no field."""
        content = message.message.content
        if message.message.model != SYNTHETIC or not content or self.answered.commanded:
            return None
        code = code_for_text(content[0].text or "")
        told = message.is_api_error_message is True or code not in (None, FailureCode.CLI_USAGE)
        return "unknown" if told else None

    def _user(self, message: c.User, line: bytes) -> list[AgentEvent]:
        return self._mode.after(self._blocks.user(message, line))

    def _init(self, message: system.Init, line: bytes) -> Received:
        self._turns.begin(prompted=self._prompts > 0)
        self._steering.offer(message.capabilities)
        events = self._accept_session_id(message.session_id)
        self._model = message.model
        if self.session_id is not None:
            events.append(
                SessionStarted(
                    session_id=self.session_id,
                    model=message.model,
                    cwd=message.cwd,
                    cli_version=message.claude_code_version,
                    permission_mode=message.permissionMode,
                    tools=message.tools,
                    mcp_servers=plain(message.mcp_servers),
                    commands=command_names(message.slash_commands) or None,
                )
            )
        else:
            events.append(Notice(code="session_without_id", level="warning"))
        events += self._mode.told(message.permissionMode)
        return Received(events=events, background_turn=self._turns.background_turn(None))

    def _rate_limit(self, message: c.RateLimitEvent, line: bytes) -> Received:
        return Received(events=[self._limits.note(message.rate_limit_info)])

    def _result(self, message: c.Result, line: bytes) -> Received:
        events = self._accept_session_id(message.session_id)
        kind = message.origin.kind if message.origin else None
        unsolicited = kind in _UNSOLICITED or not self._prompts
        cost = self._cost_since(message.total_cost_usd)
        usage = _usage(message.usage)
        lacks = None
        if not unsolicited:
            lacks = self.answered.lacks(
                message.result or self._blocks.last_text, command=message.local_command is not None
            )
        if self.in_part and not tells_how(message):
            message.subtype = "success"
            lacks = UNTOLD
        events.extend(self._close_turn())
        if usage is not None or cost is not None:
            events.append(UsageReported(usage=usage or Usage(), cost_usd=cost, model=self._model))
        ended = turn_result(
            message,
            api_error=self._error,
            interrupting=self._interrupting,
            wants_structure=self._wants_structure,
            lacks=lacks,
            last_text=self._blocks.last_text,
            session_id=self.session_id,
            usage=usage,
            cost=cost,
            unsolicited=unsolicited,
        )
        if not ended.ok:
            ended = msgspec.structs.replace(ended, resets_at=self._limits.resets_at)
        goes_on = not unsolicited and self._steering.waits
        events.append(ended if unsolicited else self._steering.ended(ended))
        broken_off = self._interrupting or message.subtype == "error_during_execution"
        self._turns.end(solicited=not unsolicited, broken_off=broken_off)
        self._error = None
        self._blocks.last_text = None
        if unsolicited:
            return Received(events=events, background_turn=self._turns.number)
        if goes_on:
            return Received(events=events)
        self._turn_ended()
        return Received(events=events)

    def _cost_since(self, total: float | None) -> float | None:
        if total is None:
            return None
        cost = total - self._cost if total >= self._cost else total
        self._cost = total
        return round(cost, 10)

    # --- control ---------------------------------------------------------------------------

    def _control_request(self, message: control.ControlRequest, line: bytes) -> Received:
        request = control.REQUESTS.convert({"subtype": None, **message.request}, self.drift, line)
        if isinstance(request, control.CanUseTool):
            events = self._ask(
                PermissionRequested(
                    request_id=message.request_id,
                    name=request.tool_name,
                    input=plain(request.input),
                    tool_call_id=request.tool_use_id,
                    title=request.title or request.description or request.display_name,
                    options=_OPTIONS,
                    kind=_QUESTIONS.get(request.tool_name, "permission"),
                )
            )
            if events:
                self._requests[message.request_id] = request
            return Received(
                events=events,
                background_turn=self._turns.background_turn(self._turns.of_request(request)),
            )
        if isinstance(request, control.HookCallback):
            notice = Notice(code="hook_callback", level="debug")
            return Received(events=[notice], send=answer_line(message.request_id, {}))
        if isinstance(request, control.Elicitation):
            notice = Notice(code="elicitation_declined", message=str(request.message or "")[:500])
            body = {"action": "decline"}
            return Received(events=[notice], send=answer_line(message.request_id, body))
        # Anything else must not be left waiting: the CLI would hang.
        refusal = refusal_line(message.request_id)
        if isinstance(request, (Broken, Unrecognised)):
            return Received(events=[self._undecoded(request)], send=refusal)
        notice = Notice(code="control_refused", data={"request": type(request).__name__})
        return Received(events=[notice], send=refusal)

    def _control_response(self, message: control.ControlResponse, line: bytes) -> Received:
        response = message.response
        asked = self._asked.pop(response.request_id or "", "unknown")
        if response.subtype == "success":
            return Received(events=[Activity(code=f"control_{asked}")])
        if asked == "interrupt":
            self._interrupting = False
        text = short(str(response.error or response.subtype))
        return Received(
            events=[Notice(code=f"control_{asked}_failed", level="warning", message=text)]
        )

    def _lifecycle(self, message: c.CommandLifecycle, line: bytes) -> Received:
        events = self._steering.read(message)
        return Received(events=events, background_turn=self._turns.background_turn(None))

    def _control_cancel(self, message: control.ControlCancelRequest, line: bytes) -> Received:
        request = self._requests.get(message.request_id)
        begun = None if request is None else self._turns.of_request(request)
        events = self.withdraw(message.request_id, "the CLI withdrew the question")
        events = events or [Activity(code="control_cancelled")]
        return Received(events=events, background_turn=self._turns.background_turn(begun))


def _usage(tokens: c.Tokens | None) -> Usage | None:
    if tokens is None:
        return None
    thinking = (tokens.output_tokens_details or {}).get("thinking_tokens")
    return Usage(
        reasoning_tokens=whole(thinking) if isinstance(thinking, int | float) else None,
        input_tokens=whole(tokens.input_tokens),
        output_tokens=whole(tokens.output_tokens),
        cache_read_tokens=whole(tokens.cache_read_input_tokens),
        cache_write_tokens=whole(tokens.cache_creation_input_tokens),
    )
