"""Claude Code in its own terminal UI: hooks by HTTP, and its transcript.

The transcript has the same content blocks as stream-json, whole and without deltas; the
hooks tell what waits (PermissionRequest) and how a turn ended (Stop with the exact answer,
StopFailure). A turn that ended well is over with the transcript's `turn_duration`, or, for the
transcript is written up to 100 ms late, when all that Stop told is there and the UI is idle; an
interrupted one with its `[Request interrupted` line, a failed one when the UI has settled. That
line, too, may be written when the next turn has begun. Costs are in neither.
"""

from __future__ import annotations

from typing import Any, Literal

from agent_runner.agents.base import AgentOptions, Feature, Form, PermissionAnswer, Received
from agent_runner.agents.claude import schema as c
from agent_runner.agents.claude import transcript_schema as ct
from agent_runner.agents.claude.blocks import BlockReader
from agent_runner.agents.claude.mode import for_session
from agent_runner.agents.claude.result import API_ERRORS
from agent_runner.agents.failures import code_for, short
from agent_runner.agents.terminal_protocol import TerminalProtocol
from agent_runner.agents.unanswered import hook_words
from agent_runner.decoding import terminal as t
from agent_runner.decoding.decode import Broken, Unrecognised, plain, whole
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.permission import PermissionOption, PermissionRequested
from agent_runner.events.session import SessionStarted
from agent_runner.events.usage import Usage, UsageReported
from conversation_store.codes import FailureCode

_FEATURES: frozenset[Feature] = frozenset({"message", "updatedInput", "session", "stop"})
_KINDS: dict[str, Literal["question", "plan"]] = {
    "AskUserQuestion": "question",
    "ExitPlanMode": "plan",
}
_OPTIONS = [
    PermissionOption(option_id="allow", name="Allow", kind="allow_once"),
    PermissionOption(option_id="deny", name="Deny", kind="reject_once"),
]
_CALLS = 200


class ClaudeTerminal(TerminalProtocol):
    """One Claude Code UI."""

    entries = ct.LINES

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._blocks = BlockReader(self)
        self._begun: str | None = None
        self._mode: str | None = None
        self._model: str | None = None
        self._calls: list[tuple[str, str, Any]] = []
        self._usage: dict[str, Usage] = {}
        self._answer_text: str | None = None
        self._stopped = False
        self._failure: tuple[str, str] | None = None
        self._status: float | None = None
        self._prompt_id: str | None = None
        self._ended_id: str | None = None

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
        decision: dict[str, Any]
        if answer.allow:
            decision = {"behavior": "allow"}
            changed = answer.updated_input
            if answer.answers is not None:
                changed = {**(changed or question.input), "answers": answer.answers}
            if changed is None and question.kind != "permission":
                # Its dialog stays open after an allow without an input (seen: ExitPlanMode).
                changed = question.input
            if changed is not None:
                decision["updatedInput"] = changed
            if answer.session:
                suggestions = event.get("permission_suggestions")
                decision["updatedPermissions"] = for_session(suggestions)
        else:
            decision = {"behavior": "deny", "message": answer.message or "Permission denied."}
            if answer.interrupt:
                decision["interrupt"] = True
                self._interrupting = True
        output = {"hookEventName": "PermissionRequest", "decision": decision}
        return self._reply(request_id, {"hookSpecificOutput": output})

    def _refuse(self, message: Any) -> bytes | None:
        if not isinstance(message, t.Hook) or not message.held:
            return None
        decision = {"behavior": "deny", "message": "The question could not be read whole."}
        output = {"hookEventName": "PermissionRequest", "decision": decision}
        return self._reply(str(message.id), {"hookSpecificOutput": output})

    # --- hooks -----------------------------------------------------------------------------

    def _hook(self, message: t.Hook, line: bytes) -> Received:
        event = message.event
        match event.get("hook_event_name"):
            case "UserPromptSubmit":
                self._mode = event.get("permission_mode")
                self._prompt_id = event.get("prompt_id")
                self._stopped, self._failure, self._answer_text = False, None, None
                return Received(events=[Activity(code="prompt_taken")])
            case "PreToolUse":
                call = (event.get("tool_use_id"), event.get("tool_name"), event.get("tool_input"))
                self._calls = [*self._calls[-_CALLS:], call]  # type: ignore[list-item]
                return Received(events=[Activity(code="tool_called")])
            case "PermissionRequest":
                return Received(events=self._asked(str(message.id), event))
            case "Stop":
                self._stopped = True
                self._answer_text = event.get("last_assistant_message")
                return Received(events=[Activity(code="stopped")])
            case "StopFailure":
                self._failure = (
                    str(event.get("error") or ""),
                    str(event.get("last_assistant_message") or ""),
                )
                return Received(events=[Activity(code="stopped")])
        return Received(events=[Activity(code="hook", message=str(event.get("hook_event_name")))])

    def _asked(self, request_id: str, event: dict[str, Any]) -> list[AgentEvent]:
        name, given = str(event.get("tool_name")), event.get("tool_input")
        events = self._ask(
            PermissionRequested(
                request_id=request_id,
                name=name,
                input=plain(given) if isinstance(given, dict) else {},
                tool_call_id=self._call_of(name, given),
                title=given.get("description") if isinstance(given, dict) else None,
                options=_OPTIONS,
                kind=_KINDS.get(name, "permission"),
            )
        )
        self._held[request_id] = event
        return events

    def _call_of(self, name: str, given: Any) -> str | None:
        """The call that a question is about: the hook does not say, the one before it does."""
        for number, (call_id, called, with_input) in enumerate(self._calls):
            if (called, with_input) == (name, given):
                del self._calls[number]
                return call_id
        return None

    # --- the transcript --------------------------------------------------------------------

    def _transcript(self, entry: dict[str, Any], line: bytes) -> list[AgentEvent]:
        message = ct.LINES.convert(entry, self.drift, line)
        if isinstance(message, (Broken, Unrecognised)):
            return [self._undecoded(message)]
        if message.isSidechain:
            return [Activity(code="sidechain")]
        events = self._begin(message)
        if isinstance(message, ct.Assistant):
            return [*events, *self._assistant(message, line)]
        if isinstance(message, ct.User):
            return [*events, *self._user(message, line)]
        return [*events, *self._system(message)]

    def _begin(self, entry: ct.Entry) -> list[AgentEvent]:
        """The first line of a session tells what the hooks do not: the CLI's version."""
        if not entry.sessionId or entry.sessionId == self._begun or not entry.version:
            return []
        self._begun = entry.sessionId
        events = self._accept_session_id(entry.sessionId)
        if self.session_id is not None:
            events.append(
                SessionStarted(
                    session_id=self.session_id,
                    model=self.options.model,
                    cwd=entry.cwd,
                    cli_version=entry.version,
                    permission_mode=self._mode,
                )
            )
        return events

    def _assistant(self, entry: ct.Assistant, line: bytes) -> list[AgentEvent]:
        message = entry.message
        if entry.isApiErrorMessage:
            self._status = entry.apiErrorStatus
        elif message.id is not None:
            self._model = message.model
            usage = _usage(message.usage)
            if usage is not None:
                self._usage[message.id] = usage
        return self._blocks.assistant(c.Assistant(message=message, error=entry.error), line)

    def _user(self, entry: ct.User, line: bytes) -> list[AgentEvent]:
        content = entry.message.content
        if entry.isMeta or (isinstance(content, str) and entry.origin is not None):
            return [Activity(code="prompt_echo")]
        if self._prompts and entry.promptId is not None and entry.promptId == self._ended_id:
            return [Activity(code="late_line")]
        read = c.User(message=entry.message, tool_use_result=entry.toolUseResult)
        events = self._blocks.user(read, line)
        if self._prompts and any(
            isinstance(event, Notice) and event.code == "interrupted" for event in events
        ):
            events += self._over(FailureCode.INTERRUPTED, "interrupted")
        return events

    def _system(self, entry: ct.System) -> list[AgentEvent]:
        if entry.subtype == "turn_duration":
            if self._prompts and self._failure is not None:
                return self._failed(*self._failure)
            # Without its Stop it is that of the turn before, written late.
            if not self._prompts or not self._stopped:
                return [Activity(code="turn_duration")]
            return self._over(None, None, whole(entry.durationMs))
        if entry.subtype == "stop_hook_summary":
            return [Activity(code="stop_hook_summary")]
        text = entry.content if isinstance(entry.content, str) else ""
        if words := hook_words(text):
            self.answered.refused(words)
        return [
            Notice(
                code=entry.subtype or "system",
                level="warning" if entry.level in ("warning", "error") else "info",
                message=short(text),
            )
        ]

    # --- the end of a turn -----------------------------------------------------------------

    def _idle(self) -> list[AgentEvent]:
        told = self._answer_text is not None and self._answer_text == self._blocks.last_text
        if not self._prompts or not self._stopped or self._interrupting or not told:
            return [Activity(code="idle")]
        return self._over(None, None)

    def _settled(self, message: t.Settled) -> list[AgentEvent]:
        if not self._prompts:
            return [Activity(code="settled")]
        if self._failure is not None:
            return self._failed(*self._failure)
        if self._interrupting:
            return self._over(FailureCode.INTERRUPTED, "interrupted")
        if self._stopped and self._delivered:
            return self._over(None, None)
        return [Activity(code="settled")]

    def _failed(self, error: str, said: str) -> list[AgentEvent]:
        code = code_for(self._status, said, API_ERRORS.get(error)) or FailureCode.API_ERROR
        return self._over(code, short(said) or error)

    def _over(
        self, code: FailureCode | None, error: str | None, duration_ms: int | None = None
    ) -> list[AgentEvent]:
        last = self._blocks.last_text
        said = self._answer_text
        lacks = self.answered.lacks(said or last)
        if code is None and lacks is not None:
            code, error = lacks
        events = self._close_open("the turn ended")
        usage = _sum(self._usage.values())
        if usage is not None:
            events.append(UsageReported(usage=usage, model=self._model))
        events.append(
            TurnCompleted(
                ok=code is None,
                # The same object where the texts are equal: an answer may have megabytes.
                text=last if said in (None, last) or code is not None else said,
                code=code,
                error=error,
                session_id=self.session_id,
                usage=usage,
                duration_ms=duration_ms,
            )
        )
        self._usage.clear()
        self._calls.clear()
        self._held.clear()
        self._blocks.last_text = None
        self._answer_text, self._status, self._failure = None, None, None
        self._stopped = False
        self._ended_id = self._prompt_id
        self._turn_ended()
        return events


def _usage(tokens: Any) -> Usage | None:
    if not isinstance(tokens, dict):
        return None

    def count(name: str) -> int | None:
        value = tokens.get(name)
        return whole(value) if isinstance(value, int | float) else None

    return Usage(
        input_tokens=count("input_tokens"),
        output_tokens=count("output_tokens"),
        cache_read_tokens=count("cache_read_input_tokens"),
        cache_write_tokens=count("cache_creation_input_tokens"),
    )


def _sum(parts: Any) -> Usage | None:
    """The tokens of all model calls of a turn together; unknown if no call tells."""
    calls = list(parts)
    if not calls:
        return None

    def total(name: str) -> int | None:
        known = [value for call in calls if (value := getattr(call, name)) is not None]
        return sum(known) if known else None

    return Usage(
        input_tokens=total("input_tokens"),
        output_tokens=total("output_tokens"),
        cache_read_tokens=total("cache_read_tokens"),
        cache_write_tokens=total("cache_write_tokens"),
    )
