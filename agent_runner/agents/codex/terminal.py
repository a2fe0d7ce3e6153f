"""Codex CLI in its own terminal UI: its hooks and its session file to events."""

from __future__ import annotations

import re
from typing import Any

from agent_runner import quoting
from agent_runner.agents.base import AgentOptions, Feature, Form, PermissionAnswer, Received
from agent_runner.agents.codex import transcript_schema as ct
from agent_runner.agents.codex.calls import (
    command_call,
    end_call,
    mcp_call,
    patch_call,
)
from agent_runner.agents.codex.reasons import verdict_of
from agent_runner.agents.codex.rpc_schema import TurnError
from agent_runner.agents.codex.tokens import usage_of
from agent_runner.agents.codex.tools import KINDS, PATCH
from agent_runner.agents.terminal_protocol import TerminalProtocol
from agent_runner.decoding import terminal as t
from agent_runner.decoding.decode import Broken, Unrecognised, plain, whole
from agent_runner.decoding.fit import words_of
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import MessageCompleted, ReasoningCompleted, TurnCompleted
from agent_runner.events.notice import Activity
from agent_runner.events.permission import PermissionOption, PermissionRequested
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import ToolStarted
from agent_runner.events.usage import Usage, UsageReported
from conversation_store.codes import FailureCode

_OPTIONS = [
    PermissionOption(option_id="allow", name="Allow", kind="allow_once"),
    PermissionOption(option_id="deny", name="Deny", kind="reject_once"),
]
_FEATURES: frozenset[Feature] = frozenset({"message"})
_FILES = re.compile(r"^\*\*\* (?:Add File|Update File|Delete File|Move to): (.+)$", re.MULTILINE)
_SHELL = "Bash"
"""What its hooks call a command."""

_End = ct.TaskComplete | ct.TurnAborted


class CodexTerminal(TerminalProtocol):
    """One Codex UI."""

    entries = ("event_msg", "token_usage_record")

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._begun: str | None = None
        self._turn: str | None = None
        self._last: str | None = None
        self._used: Usage | None = None
        self._early: _End | None = None

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
        decision = {"behavior": "allow"}
        if not answer.allow:
            decision = _denial(answer.message or "Permission denied.")
        return self._decide(request_id, decision)

    def _decide(self, request_id: str, decision: dict[str, Any]) -> bytes:
        output = {"hookEventName": "PermissionRequest", "decision": decision}
        return self._reply(request_id, {"hookSpecificOutput": output})

    def _refuse(self, message: Any) -> bytes | None:
        if not isinstance(message, t.Hook) or not message.held:
            return None
        return self._decide(str(message.id), _denial("The question could not be read whole."))

    # --- hooks -----------------------------------------------------------------------------

    def _hook(self, message: t.Hook, line: bytes) -> Received:
        event = message.event
        name = str(event.get("hook_event_name"))
        events = self._begin(event)
        match name:
            case "UserPromptSubmit":
                turn = event.get("turn_id")
                self._turn = turn if isinstance(turn, str) else None
                self._last, self._used, self._early = None, None, None
            case "PreToolUse" if self._prompts:
                events += self.start_tool(_hooked_call(event))
            case "PermissionRequest":
                events += self._asked(str(message.id), event)
        return Received(events=[*events, Activity(code="hook", message=name)])

    def _begin(self, event: dict[str, Any]) -> list[AgentEvent]:
        """Each hook names the session; the first prompt's is the first."""
        session, model = event.get("session_id"), event.get("model")
        if not isinstance(session, str) or session == self._begun:
            return []
        self._begun = session
        events = self._accept_session_id(session)
        if self.session_id is not None:
            events.append(
                SessionStarted(
                    session_id=self.session_id,
                    model=model if isinstance(model, str) else None,
                    cwd=self.options.cwd,
                    permission_mode=self.options.permission_mode,
                )
            )
        return events

    def _asked(self, request_id: str, event: dict[str, Any]) -> list[AgentEvent]:
        """The hook does not say which call it is about: an open one of the same tool and input."""
        asked = _hooked_call(event)
        taken = {question.tool_call_id for question in self._questions.values()}
        call = next(
            (
                one.tool_call_id
                for one in self.tools.values()
                if (one.name, one.input) == (asked.name, asked.input)
                and one.tool_call_id not in taken
            ),
            None,
        )
        given = event.get("tool_input")
        title = given.get("description") if isinstance(given, dict) else None
        self._held[request_id] = event
        return self._ask(
            PermissionRequested(
                request_id=request_id,
                name=asked.name,
                input=asked.input,
                tool_call_id=call,
                title=title if isinstance(title, str) else None,
                options=_OPTIONS,
                tool_kind=asked.kind,
            )
        )

    # --- the session file --------------------------------------------------------------------

    def _transcript(self, entry: dict[str, Any], line: bytes) -> list[AgentEvent]:
        payload = entry.get("payload")
        if not self._prompts or not isinstance(payload, dict):
            return [Activity(code="transcript")]
        if entry.get("type") == "token_usage_record":
            return self._spent(payload)
        message = ct.EVENTS.convert(payload, self.drift, line)
        if isinstance(message, Unrecognised):
            return [Activity(code=message.source_type[:80])]
        if isinstance(message, Broken):
            return [self._undecoded(message)]
        if message.turn_id != self._turn:
            return [Activity(code="other_turn")]
        if isinstance(message, ct.ItemCompleted):
            return self._item(message.item)
        if not self._delivered:
            self._early = message
            return [Activity(code="early_end")]
        return self._ended(message)

    def _spent(self, payload: dict[str, Any]) -> list[AgentEvent]:
        used = ct.USED.convert(payload, self.drift)
        if used.turn_id == self._turn and used.turn_token_usage is not None:
            self._used = usage_of(used.turn_token_usage)
        return [Activity(code="tokens")]

    def _receipt(self, message: t.Delivered) -> list[AgentEvent]:
        early, self._early = self._early, None
        events = super()._receipt(message)
        return [*events, *self._ended(early)] if early is not None else events

    def _item(self, item: ct.Item) -> list[AgentEvent]:
        if item.type == "AgentMessage":
            self._last = words_of(item.content) or ""
            return [MessageCompleted(item_id=item.id, text=self._last)]
        if item.type == "Reasoning":
            text = "\n\n".join(item.summary_text or ())
            return [ReasoningCompleted(item_id=item.id, text=text)] if text else []
        changes = _changes(item)
        call = _call_of(item, changes)
        if call is None:
            return [Activity(code=item.type[:80])]
        return [
            *self.start_tool(call),
            *self._unanswered(item.id),
            *end_call(
                self,
                item,
                is_mcp=item.type == "McpToolCall",
                output=item.aggregated_output,
                exit_code=item.exit_code,
                changes=changes,
            ),
        ]

    # --- the end of a turn -----------------------------------------------------------------

    def _ended(self, message: _End) -> list[AgentEvent]:
        if isinstance(message, ct.TurnAborted):
            return self._over(FailureCode.INTERRUPTED, "interrupted")
        if message.error is not None:
            info = _camel(message.error.codex_error_info)
            code, error = verdict_of(TurnError(message=message.error.message, codexErrorInfo=info))
            return self._over(code, error)
        return self._over(None, None, whole(message.duration_ms))

    def _settled(self, message: t.Settled) -> list[AgentEvent]:
        if self._prompts and self._delivered and self._interrupting:
            return self._over(FailureCode.INTERRUPTED, "interrupted")
        return [Activity(code="settled")]

    def _over(
        self, code: FailureCode | None, error: str | None, duration_ms: int | None = None
    ) -> list[AgentEvent]:
        if code is None and (lacks := self.answered.lacks(self._last)) is not None:
            code, error = lacks
        events = self._close_open("the turn ended")
        if self._used is not None:
            events.append(UsageReported(usage=self._used, model=self.options.model))
        events.append(
            TurnCompleted(
                ok=code is None,
                text=self._last,
                code=code,
                error=error,
                session_id=self.session_id,
                usage=self._used,
                duration_ms=duration_ms,
            )
        )
        self._held.clear()
        self._turn_ended()
        return events


def _denial(why: str) -> dict[str, Any]:
    return {"behavior": "deny", "message": why}


def _hooked_call(event: dict[str, Any]) -> ToolStarted:
    """The call of a hook; a patch comes as its text, in the place of a command."""
    call_id, name = str(event.get("tool_use_id")), str(event.get("tool_name"))
    given = event.get("tool_input")
    given = plain(given) if isinstance(given, dict) else {}
    command = str(given.get("command", ""))
    if name == _SHELL:
        return command_call(call_id, command)
    if name == PATCH:
        listed = {"paths": _FILES.findall(command), "patch": command.strip()}
        return ToolStarted(tool_call_id=call_id, name=name, input=listed, kind=KINDS[PATCH])
    return ToolStarted(tool_call_id=call_id, name=name, input=given)


def _call_of(item: ct.Item, changes: list[dict[str, Any]]) -> ToolStarted | None:
    match item.type:
        case "CommandExecution":
            return command_call(item.id, quoting.shell(item.command or ()))
        case "FileChange":
            return patch_call(item.id, changes)
        case "McpToolCall":
            return mcp_call(item.id, item.server or "", item.tool or "", item.arguments)
    return None


def _changes(item: ct.Item) -> list[dict[str, Any]]:
    """The files of a change, as the other forms tell them."""
    return [
        {"path": path, "kind": change.get("type") if isinstance(change, dict) else None}
        for path, change in (item.changes or {}).items()
    ]


def _camel(info: Any) -> Any:
    """The word for an error, as the app-server has it."""
    if isinstance(info, dict):
        return {_camel(name): _camel(value) for name, value in info.items()}
    if not isinstance(info, str):
        return info
    first, *more = info.split("_")
    return first + "".join(word.capitalize() for word in more)
