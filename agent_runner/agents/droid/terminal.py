"""Factory Droid in its own terminal UI: its transcript, hooks, and keys for its questions.

The transcript ends every turn with its outcome, and tells the user, not the model, of an
error. The session's token counts are in a file beside it, saved just before the outcome. A
refusal ends the turn here, with no message to the model.
"""

from __future__ import annotations

from typing import Any

from agent_runner.agents.base import AgentOptions, Form, PermissionAnswer, Received
from agent_runner.agents.claude.blocks import result_text
from agent_runner.agents.droid import transcript_schema as d
from agent_runner.agents.droid.files import KINDS, changed_files
from agent_runner.agents.droid.profile import ASKS
from agent_runner.agents.droid.reasons import code_for_reason
from agent_runner.agents.droid.tokens import usage_of, usage_since
from agent_runner.agents.failures import readable, short
from agent_runner.agents.terminal_protocol import TerminalProtocol
from agent_runner.decoding import terminal as t
from agent_runner.decoding.decode import Broken, Unrecognised, plain
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import MessageCompleted, ReasoningCompleted, TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.permission import PermissionOption, PermissionRequested
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import ToolStarted
from agent_runner.events.usage import Usage, UsageReported
from conversation_store.codes import FailureCode

_OPTIONS = [
    PermissionOption(option_id="allow", name="Yes, allow", kind="allow_once"),
    PermissionOption(option_id="deny", name="No, cancel", kind="reject_once"),
]


class DroidTerminal(TerminalProtocol):
    """One Factory Droid UI."""

    entries = d.LINES

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._begun: str | None = None
        self._call: tuple[str, dict[str, Any]] | None = None
        self._asked_of: dict[str, list[str]] = {}
        self._asked = 0
        self._last: str | None = None
        self._reason: str | None = None
        self._error: str | None = None
        self._refused = False
        self._used: Usage | None = None
        self._used_before: Usage | None = None

    def _answer(
        self,
        request_id: str,
        question: PermissionRequested,
        event: dict[str, Any],
        answer: PermissionAnswer,
    ) -> bytes:
        calls = self._asked_of.pop(request_id, [])
        if not answer.allow:
            self._refused = True
            self.denied.update(calls)
        return self._keys("Enter" if answer.allow else "Escape", when=ASKS)

    # --- hooks -----------------------------------------------------------------------------

    def _hook(self, message: t.Hook, line: bytes) -> Received:
        event = message.event
        name = event.get("hook_event_name")
        events: list[AgentEvent] = []
        match name:
            case "UserPromptSubmit":
                self._last, self._reason, self._error, self._refused = None, None, None, False
                self._used_before = self._used
                events = self._begin(event)
            case "PreToolUse":
                given = event.get("tool_input")
                self._call = (
                    str(event.get("tool_name")),
                    plain(given) if isinstance(given, dict) else {},
                )
            case "Notification" if event.get("notification_type") == "permission_prompt":
                events = self._permission(event)
        return Received(events=events or [Activity(code="hook", message=str(name))])

    def _begin(self, event: dict[str, Any]) -> list[AgentEvent]:
        if event.get("session_id") == self._begun:
            return []
        self._begun = str(event.get("session_id"))
        events = self._accept_session_id(self._begun)
        if self.session_id is not None:
            events.append(
                SessionStarted(
                    session_id=self.session_id,
                    model=self.options.model,
                    cwd=event.get("cwd"),
                    permission_mode=event.get("permission_mode"),
                )
            )
        return events

    def _permission(self, event: dict[str, Any]) -> list[AgentEvent]:
        """One dialog is about all open calls, as far as one can tell: no hook says which.

        There is one at a time: whoever has not answered the last one must not answer this.
        """
        gone = []
        for earlier in list(self._questions):
            self._held.pop(earlier, None)
            self._asked_of.pop(earlier, None)
            gone += self.withdraw(earlier, "the CLI asks something else now")
        self._asked += 1
        request_id = f"question-{self._asked}"
        calls = {call_id: (call.name, call.input) for call_id, call in self.tools.items()}
        if self._call is not None and self._call not in calls.values():
            calls[""] = self._call
        (call_id, (name, given)), *more = calls.items() or [("", ("tool", {}))]
        if more:
            uses = [{"name": name, "input": given} for name, given in calls.values()]
            given = {"toolUses": uses}
        self._asked_of[request_id] = [known for known in calls if known]
        self._held[request_id] = event
        return gone + self._ask(
            PermissionRequested(
                request_id=request_id,
                name=name,
                input=given,
                tool_call_id=call_id or None,
                title=str(event.get("message") or ""),
                options=_OPTIONS,
                tool_kind=KINDS.get(name),
            )
        )

    # --- the transcript --------------------------------------------------------------------

    def _transcript(self, entry: dict[str, Any], line: bytes) -> list[AgentEvent]:
        if not self._prompts or not self._delivered:
            return [Activity(code="transcript")]
        message = d.LINES.convert(entry, self.drift, line)
        if isinstance(message, (Broken, Unrecognised)):
            return [self._undecoded(message)]
        if isinstance(message, d.Outcome):
            self._reason = message.reason or "completed"
            well = self._reason == "completed" and not self._refused and not self._interrupting
            if well and self._usage() is not None:
                return self._over(None, None)
            return [Activity(code="outcome", message=self._reason)]
        if isinstance(message, d.Failure):
            self._error = str(message.message)
            return [Notice(code="agent_error", level="error", message=short(self._error))]
        inner = message.message
        if inner.hookEventName or isinstance(inner.content, str):
            return [Activity(code="message")]
        if inner.visibility == "user_only":
            return self._told_the_user(inner.content)
        events: list[AgentEvent] = []
        for number, block in enumerate(inner.content):
            events += self._block(block, f"{message.id}:{number}", inner.role == "assistant")
        return events or [Activity(code="message")]

    def _told_the_user(self, blocks: list[d.Block]) -> list[AgentEvent]:
        """An error, and after an empty line what to do about it."""
        texts = [block.text for block in blocks if block.text]
        self._error = texts[-1].partition("\n\n")[0] if texts else self._error
        return [Activity(code="message")]

    def _block(self, block: d.Block, item: str, from_agent: bool) -> list[AgentEvent]:
        if block.type == "text" and from_agent:
            self._last = block.text
            return [MessageCompleted(item_id=item, text=block.text or "")]
        if block.type == "thinking" and from_agent:
            return [ReasoningCompleted(item_id=item, text=block.thinking or "")]
        if block.type == "tool_use" and block.id:
            name = block.name or "tool"
            return self.start_tool(
                ToolStarted(
                    tool_call_id=block.id,
                    name=name,
                    input=plain(block.input) if isinstance(block.input, dict) else {},
                    kind=KINDS.get(name),
                )
            )
        if block.type == "tool_result" and block.tool_use_id:
            text = result_text(block.content)
            failed = bool(block.is_error)
            return self._unanswered(block.tool_use_id) + self.end_tool(
                block.tool_use_id,
                failed=failed,
                output=None if failed else (text if text is not None else block.content),
                error=text if failed else None,
                changed=changed_files(self.tools.get(block.tool_use_id)),
            )
        return []

    # --- the end of a turn -----------------------------------------------------------------

    def _settled(self, message: t.Settled) -> list[AgentEvent]:
        if not self._prompts or not self._delivered:
            return [Activity(code="settled")]
        if self._interrupting:
            return self._over(FailureCode.INTERRUPTED, "interrupted")
        if self._refused:
            return self._over(FailureCode.PERMISSION_DENIED, "a tool call was refused")
        if self._reason is None:
            return [Activity(code="settled")]
        if self._reason == "completed":
            return self._over(None, None)
        code = code_for_reason(self._reason, self._error)
        return self._over(code, short(readable(self._error or self._reason)))

    def _sidecar(self, message: t.Sidecar) -> list[AgentEvent]:
        settings = d.SETTINGS.convert(message.data, self.drift)
        tokens = settings.inclusiveTokenUsage or settings.tokenUsage
        self._used = usage_of(tokens) if tokens is not None else None
        return [Activity(code="sidecar")]

    def _usage(self) -> Usage | None:
        return usage_since(self._used, self._used_before) if self._used is not None else None

    def _over(self, code: FailureCode | None, error: str | None) -> list[AgentEvent]:
        if code is None and (lacks := self.answered.lacks(self._last)) is not None:
            code, error = lacks
        events = self._close_open("the turn ended")
        usage = self._usage()
        if usage is not None:
            events.append(UsageReported(usage=usage, model=self.options.model))
        events.append(
            TurnCompleted(
                ok=code is None,
                text=self._last,
                code=code,
                error=error,
                session_id=self.session_id,
                usage=usage,
            )
        )
        self._held.clear()
        self._asked_of.clear()
        self._call = None
        self._last, self._reason, self._error, self._refused = None, None, None, False
        self._turn_ended()
        return events
