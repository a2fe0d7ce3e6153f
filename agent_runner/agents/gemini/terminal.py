"""Gemini CLI in its own terminal UI: hooks, its chat file, and keys for its questions.

A tool call has no id in the hooks, so it gets one of ours; its end is in the chat file, which
repeats a message as it grows. A failed turn has an `error` line there, and ends when
the UI has settled; so does an interrupted one. A refusal ends the turn here, with no message
to the model. Of several questions the hooks tell in another order than the dialogs come, so an
answer goes to the dialog that shows its question.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any

from agent_runner.agents.base import AgentOptions, Feature, Form, PermissionAnswer, Received
from agent_runner.agents.failures import code_for_text, readable, short
from agent_runner.agents.gemini import chat_schema as g
from agent_runner.agents.gemini.protocol import KINDS
from agent_runner.agents.terminal_protocol import TerminalProtocol
from agent_runner.agents.unanswered import hook_words
from agent_runner.decoding import terminal as t
from agent_runner.decoding.decode import Broken, Unrecognised, plain, whole
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import MessageCompleted, ReasoningCompleted, TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.permission import PermissionOption, PermissionRequested
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import FileChanged, ToolStarted
from agent_runner.events.usage import Usage, UsageReported
from conversation_store.codes import FailureCode

_FEATURES: frozenset[Feature] = frozenset({"session"})
_OPTIONS = [
    PermissionOption(option_id="allow", name="Allow once", kind="allow_once"),
    PermissionOption(option_id="session", name="Allow for this session", kind="allow_always"),
    PermissionOption(option_id="deny", name="No", kind="reject_once"),
]
_IN_THE_BOX = re.compile(r"^│ *(.*?) *│$", re.MULTILINE)
_CHOICE = re.compile(r"(?:● )?\d\. ")
_CANCELLED = "Request cancelled."
# Of a turn that failed, the hook says that there is no text, in words.
_HAS_TEXT = (None, FailureCode.INTERRUPTED)
_ASKS = r"1\. (Allow once|Yes)"
_DIALOG = r"^│ \? "
# A dialog may hide the beginning of a long text, not its end.
_SHOWN_LINES = 20
_SHOWN_CHARACTERS = 400


class GeminiTerminal(TerminalProtocol):
    """One Gemini CLI UI."""

    entries = g.LINES

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._begun: str | None = None
        self._calls = 0
        self._asked = 0
        self._open: list[ToolStarted] = []
        self._asked_of: set[str] = set()
        self._seen: set[str] = set()
        self._usage: dict[str, Usage] = {}
        self._model: str | None = None
        self._last: str | None = None
        self._done: str | None = None
        self._refused = False
        self._cancelled = False
        self._error: str | None = None
        self._offer = ""

    @property
    def features(self) -> frozenset[Feature]:
        """See `base.CliProtocol`."""
        return _FEATURES

    def _answer(
        self,
        request_id: str,
        question: PermissionRequested,
        event: dict[str, Any],
        answer: PermissionAnswer,
    ) -> bytes:
        if answer.allow:
            key = "2" if answer.session else "1"
        else:
            self._refused, key = True, "Escape"
        others = [_shown(_details(other)) for other in self._held.values()]
        shows = _shown(_details(event))
        return self._keys(key, when=_ASKS, since=_DIALOG, shows=shows, others=others)

    # --- hooks -----------------------------------------------------------------------------

    def _hook(self, message: t.Hook, line: bytes) -> Received:
        event = message.event
        name = event.get("hook_event_name")
        events = self._begin(event)
        match name:
            case "BeforeAgent":
                self._last, self._done, self._refused, self._error = None, None, False, None
                self._offer, self._cancelled = "", False
            case "BeforeTool":
                events += self._called(str(event.get("tool_name")), event.get("tool_input"))
            case "Notification" if event.get("notification_type") == "ToolPermission":
                events += self._permission(event)
            case "AfterAgent":
                self._done = str(event.get("prompt_response") or "")
                events += self._end_if_told()
        return Received(events=events or [Activity(code="hook", message=str(name))])

    def _begin(self, event: dict[str, Any]) -> list[AgentEvent]:
        session_id = event.get("session_id")
        if event.get("hook_event_name") != "BeforeAgent" or session_id == self._begun:
            return []
        self._begun = str(session_id)
        events = self._accept_session_id(self._begun)
        if self.session_id is not None:
            events.append(
                SessionStarted(
                    session_id=self.session_id,
                    model=self.options.model,
                    cwd=event.get("cwd"),
                )
            )
        return events

    def _called(self, name: str, given: Any) -> list[AgentEvent]:
        self._calls += 1
        started = ToolStarted(
            tool_call_id=f"call-{self._calls}",
            name=name,
            input=plain(given) if isinstance(given, dict) else {},
            kind=KINDS.get(name),
        )
        self._open.append(started)
        return self.start_tool(started)

    def _permission(self, event: dict[str, Any]) -> list[AgentEvent]:
        self._asked += 1
        request_id = f"question-{self._asked}"
        details = _details(event)
        call = self._call_of(details)
        if call is not None:
            self._asked_of.add(call.tool_call_id)
        self._held[request_id] = event
        return self._ask(
            PermissionRequested(
                request_id=request_id,
                name=call.name if call else "tool",
                input=call.input if call else details,
                tool_call_id=call.tool_call_id if call else None,
                title=str(event.get("message") or ""),
                options=_OPTIONS,
                tool_kind=call.kind if call else None,
            )
        )

    def _call_of(self, details: dict[str, Any]) -> ToolStarted | None:
        """The call that a question is about, if that is certain: several may ask at once."""
        free = [call for call in self._open if call.tool_call_id not in self._asked_of]
        alike = [call for call in free if _is_about(details, call.input)]
        if alike:
            return alike[0]
        told = "command" in details or "filePath" in details
        return free[0] if len(free) == 1 and not told else None

    # --- the chat file -----------------------------------------------------------------------

    def _transcript(self, entry: dict[str, Any], line: bytes) -> list[AgentEvent]:
        if not self._prompts or not self._delivered:
            return [Activity(code="transcript")]
        message = g.LINES.convert(entry, self.drift, line)
        if isinstance(message, (Broken, Unrecognised)):
            return [self._undecoded(message)]
        if isinstance(message, g.Told):
            return self._told_by_cli(message)
        if isinstance(message, g.Answer):
            return [*self._said(message), *self._end_if_told()]
        return [Activity(code="prompt_echo")]

    def _said(self, message: g.Answer) -> list[AgentEvent]:
        events: list[AgentEvent] = []
        item = message.id or f"message-{len(self._seen)}"
        if item not in self._seen:
            self._seen.add(item)
            for number, thought in enumerate(message.thoughts or []):
                if isinstance(thought, dict):
                    words = f"{thought.get('subject', '')}\n{thought.get('description', '')}"
                    events.append(
                        ReasoningCompleted(item_id=f"{item}:thought-{number}", text=words.strip())
                    )
            if message.content:
                self._last, self._error = message.content, None
                events.append(MessageCompleted(item_id=item, text=message.content))
        self._model = message.model or self._model
        if message.tokens is not None:
            self._usage[item] = _usage(message.tokens)
        for call in message.toolCalls or []:
            events += self._ended(call)
        return events or [Activity(code="message")]

    def _ended(self, call: g.Call) -> list[AgentEvent]:
        for number, started in enumerate(self._open):
            if started.name == call.name and started.input == plain(call.args):
                del self._open[number]
                break
        else:
            return []
        output, error = _outcome(call)
        events: list[AgentEvent] = []
        if call.status == "cancelled":
            self.denied.add(started.tool_call_id)
        events += self._unanswered(started.tool_call_id)
        failed = call.status != "success"
        changed: list[FileChanged] = []
        path = started.input.get("file_path")
        if started.kind == "edit" and isinstance(path, str):
            kind: Any = "modified" if started.name == "replace" else "unknown"
            changed = [FileChanged(path=path, change=kind, tool_call_id=started.tool_call_id)]
        events += self.end_tool(
            started.tool_call_id,
            failed=failed,
            output=None if failed else output,
            error=(error or output) if failed else None,
            changed=changed,
        )
        return events

    def _told_by_cli(self, message: g.Told) -> list[AgentEvent]:
        text = message.content if isinstance(message.content, str) else ""
        self._cancelled = self._cancelled or text == _CANCELLED
        if message.type == "error":
            self._error = text
        if words := hook_words(text):
            self.answered.refused(words)
        return [
            Notice(
                code=f"cli_{message.type}",
                level="error" if message.type == "error" else "info",
                message=short(readable(text)),
            )
        ]

    def _dismissed(self, message: t.Dismissed) -> list[AgentEvent]:
        """It would rather go on with another model, and says why."""
        lines = [line for line in _IN_THE_BOX.findall(message.screen) if line]
        self._offer = " ".join(takewhile(lambda line: _CHOICE.match(line) is None, lines))
        return [Notice(code="dialog_dismissed", level="warning", message=short(self._offer))]

    # --- the end of a turn -----------------------------------------------------------------

    def _end_if_told(self) -> list[AgentEvent]:
        """Over, if the hook said so and the chat file holds all that the hook speaks of."""
        if self._done is None or self._last is None or not self._prompts:
            return []
        if self._refused or self._cancelled or self._error is not None or self._offer:
            return []
        if not self._done.strip().endswith(self._last.strip()) or self._open:
            return []
        return self._over(None, None)

    def _settled(self, message: t.Settled) -> list[AgentEvent]:
        if not self._prompts or not self._delivered:
            return [Activity(code="settled")]
        if self._interrupting:
            return self._over(FailureCode.INTERRUPTED, "interrupted")
        if self._refused:
            return self._over(FailureCode.PERMISSION_DENIED, "a tool call was refused")
        if self._cancelled:
            return self._over(FailureCode.INTERRUPTED, "interrupted at the terminal")
        if self._error is not None or self._offer:
            error = self._error or self._offer
            code = code_for_text(self._offer) or code_for_text(error) or FailureCode.API_ERROR
            return self._over(code, short(readable(error)))
        if self._done is not None:
            return self._over(None, None)
        return [Activity(code="settled")]

    def _over(self, code: FailureCode | None, error: str | None) -> list[AgentEvent]:
        if code is None and (lacks := self.answered.lacks(self._done or self._last)) is not None:
            code, error = lacks
        events = self._close_open("the turn ended")
        usage = _sum(list(self._usage.values()))
        if usage is not None:
            events.append(UsageReported(usage=usage, model=self._model))
        events.append(
            TurnCompleted(
                ok=code is None,
                text=self._done if self._last is None and code in _HAS_TEXT else self._last,
                code=code,
                error=error,
                session_id=self.session_id,
                usage=usage,
            )
        )
        self._usage.clear()
        self._open.clear()
        self._asked_of.clear()
        self._held.clear()
        self._last, self._done, self._refused, self._error = None, None, False, None
        self._cancelled = False
        self._turn_ended()
        return events


def _details(event: dict[str, Any]) -> dict[str, Any]:
    details = event.get("details")
    return plain(details) if isinstance(details, dict) else {}


def _is_about(details: dict[str, Any], given: dict[str, Any]) -> bool:
    if "command" in details:
        return bool(given.get("command") == details["command"])
    path, name = str(given.get("file_path")), str(details.get("filePath"))
    if "filePath" not in details or not (path == name or name.endswith(f"/{path}")):
        return False
    parts = (given.get("content"), given.get("new_string"))
    return all(str(part) in str(details.get("newContent")) for part in parts if part is not None)


def _shown(details: dict[str, Any]) -> list[str]:
    """What no other question's dialog is likely to show."""
    if isinstance(command := details.get("command"), str):
        return ["\n".join(command.splitlines()[-_SHOWN_LINES:])[-_SHOWN_CHARACTERS:]]
    changed = re.findall(r"^[+-](?![+-]{2} )(.*\w.*)$", str(details.get("fileDiff")), re.MULTILINE)
    return [str(details.get("fileName") or ""), *(line[:30] for line in changed[-1:])]


def _outcome(call: g.Call) -> tuple[Any, str | None]:
    """What the model is told of a call: output, or error."""
    for part in call.result or []:
        response = part.get("functionResponse") if isinstance(part, dict) else None
        told = response.get("response") if isinstance(response, dict) else None
        if isinstance(told, dict):
            error = told.get("error")
            return plain(told.get("output")), str(error) if error else None
    return None, None


def _usage(tokens: g.Tokens) -> Usage:
    return Usage(
        input_tokens=whole(tokens.input),
        output_tokens=whole(tokens.output),
        cache_read_tokens=whole(tokens.cached),
        reasoning_tokens=whole(tokens.thoughts),
        total_tokens=whole(tokens.total),
    )


def _sum(calls: list[Usage]) -> Usage | None:
    if not calls:
        return None
    totals = {
        name: sum(known)
        if (known := [v for c in calls if (v := getattr(c, name)) is not None])
        else None
        for name in Usage.__struct_fields__
    }
    return Usage(**totals)
