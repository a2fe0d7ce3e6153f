"""Factory Droid's stream-json output, one process per prompt; both dialects.

A failed run has no `completion`: its last lines are `error` (source agent_loop, the
provider's text) and `error` (source cli). So the result of a failure waits for the end of
the process. SIGINT and SIGTERM end it with exit 0. So does a long answer whose end the pipe did
not take in time: 0.215.0 drops it, and the run is `no_result`. The JSON-RPC form is safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment, mentioned
from agent_runner.agents.base import AgentOptions, Exit, Form, Received
from agent_runner.agents.claude.blocks import result_text
from agent_runner.agents.claude.schema import Assistant, Block, User
from agent_runner.agents.droid import schema as d
from agent_runner.agents.droid.files import KINDS, changed_files
from agent_runner.agents.failures import code_for_text, exit_verdict, readable, short
from agent_runner.agents.protocol import AGENT_ROLES, ProtocolBase
from agent_runner.agents.unanswered import hook_words
from agent_runner.decoding.decode import plain, shown, whole
from agent_runner.decoding.fit import words_of
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import Unknown
from agent_runner.events.message import MessageCompleted, ReasoningCompleted, TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import ToolStarted
from agent_runner.events.usage import Usage, UsageReported
from conversation_store.codes import FailureCode


class DroidProtocol(ProtocolBase):
    """One prompt to `droid exec -o stream-json`."""

    lines = d.LINES

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._model: str | None = None
        self._last_text: str | None = None
        self._errors: list[str] = []
        self._unnamed = 0

    @property
    def close_after_prompt(self) -> bool:
        """The CLI reads its prompt to the end of stdin."""
        return True

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """The prompt itself."""
        self._begin_turn(text)
        return mentioned(text, attachments).encode("utf-8", "replace")

    def _counts_in_part(self, message: Any) -> bool:
        # A type alone is no end: the whole line may yet come.
        if isinstance(message, d.Completion):
            return message.finalText is not None or message.numTurns is not None
        if isinstance(message, d.Result):
            return message.subtype is not None or message.result is not None
        return isinstance(message, d.ToolResult | User)

    def _take(self, message: Any, line: bytes) -> Received:
        self.saw(type(message).__name__)
        return Received(events=self._events(message, line))

    def _events(self, message: Any, line: bytes) -> list[AgentEvent]:
        if isinstance(message, d.Init):
            return self._init(message)
        if isinstance(message, d.Message):
            if message.role == "user":
                return [Activity(code="prompt_echo")]
            if message.role not in AGENT_ROLES:
                return [Unknown(source_type=f"message/{message.role}"[:120], raw=shown(line))]
            return [self._message(message.id, message.text)]
        if isinstance(message, d.Reasoning):
            return [ReasoningCompleted(item_id=self._item(message.id), text=message.text)]
        if isinstance(message, d.ToolCall):
            return self._start(message.id, message.toolName, message.parameters)
        if isinstance(message, d.ToolResult):
            error = message.error
            text = error if isinstance(error, str) else error.message if error else None
            call, failed = message.id or self.only_call(), message.isError
            if call is None:
                return [Unknown(source_type="tool_result", raw=shown(line))]
            return self._end(
                call, error is not None if failed is None else failed, message.value, text
            )
        if isinstance(message, d.Error):
            text = message.message or words_of(message.error) or ""
            if len(self._errors) < 20:
                self._errors.append(text)
            if words := hook_words(text):
                self.answered.refused(words)
            return [Notice(code="agent_error", level="error", message=short(text))]
        if isinstance(message, d.Completion):
            return self._completed(
                message.finalText,
                message.session_id,
                message.usage,
                message.durationMs,
                message.numTurns,
            )
        if isinstance(message, d.Result):
            return self._result(message)
        assert isinstance(message, Assistant | User)
        return self._claude_like(message, line)

    def _init(self, message: d.Init) -> list[AgentEvent]:
        events = self._accept_session_id(message.session_id)
        self._model = message.model
        if self.session_id is not None:
            events.append(
                SessionStarted(
                    session_id=self.session_id,
                    model=message.model,
                    cwd=message.cwd,
                    tools=message.tools,
                )
            )
        return events or [Notice(code="session_without_id", level="warning")]

    def _item(self, own: str | None) -> str:
        if own:
            return own
        self._unnamed += 1
        return f"item-{self._unnamed}"

    def _message(self, own: str | None, text: str) -> MessageCompleted:
        self._last_text = text
        return MessageCompleted(item_id=self._item(own), text=text)

    def _start(self, call_id: str, name: str, parameters: Any) -> list[AgentEvent]:
        return self.start_tool(
            ToolStarted(
                tool_call_id=call_id,
                name=name,
                input=plain(parameters) if isinstance(parameters, dict) else {},
                kind=KINDS.get(name),
            )
        ) or [Activity(code="tool_repeated")]

    def _end(self, call_id: str, failed: bool, value: Any, error: str | None) -> list[AgentEvent]:
        if failed and error and code_for_text(error) is FailureCode.PERMISSION_DENIED:
            self.denied.add(call_id)
        return self.end_tool(
            call_id,
            failed=failed,
            output=value,
            error=error,
            changed=changed_files(self.tools.get(call_id)),
        )

    def _completed(
        self,
        text: str | None,
        session_id: str | None,
        tokens: d.Usage | None,
        duration: float | None,
        turns: float | None,
    ) -> list[AgentEvent]:
        events = self._accept_session_id(session_id) + self._close_open("the turn ended")
        usage = usage_of(tokens)
        if usage is not None:
            events.append(UsageReported(usage=usage, model=self._model))
        text = self._last_text if text is None else text
        code, error = self.answered.lacks(text) or (None, None)
        events.append(
            TurnCompleted(
                ok=code is None,
                text=text,
                code=code,
                error=error,
                session_id=self.session_id,
                usage=usage,
                duration_ms=whole(duration),
                num_turns=whole(turns),
            )
        )
        self._turn_ended()
        return events

    def _result(self, message: d.Result) -> list[AgentEvent]:
        if not message.is_error and message.subtype in (None, "success"):
            return self._completed(
                message.result,
                message.session_id,
                message.usage,
                message.duration_ms,
                message.num_turns,
            )
        if message.result:
            self._errors.append(message.result)
        return [
            *self._accept_session_id(message.session_id),
            Notice(code="agent_error", level="error", message=short(message.result or "")),
        ]

    def _claude_like(self, message: Assistant | User, line: bytes) -> list[AgentEvent]:
        content = message.message.content
        if isinstance(content, str):
            return [Activity(code="prompt_echo")]
        own = message.message.id if isinstance(message, Assistant) else None
        events: list[AgentEvent] = []
        for block in content:
            events += self._block(block, own, isinstance(message, Assistant), line)
        return events or [Activity(code="empty_message")]

    def _block(
        self, block: Block, own: str | None, from_agent: bool, line: bytes
    ) -> list[AgentEvent]:
        if block.type == "text":
            if not from_agent:
                return [Activity(code="prompt_echo")]
            return [self._message(own and f"{own}:{self._next()}", block.text or "")]
        if block.type == "thinking":
            item = self._item(own and f"{own}:{self._next()}")
            return [ReasoningCompleted(item_id=item, text=block.thinking or "")]
        if block.type == "tool_use" and block.id:
            return self._start(block.id, block.name or "tool", block.input)
        if block.type == "tool_result" and block.tool_use_id:
            text = result_text(block.content)
            failed = bool(block.is_error)
            value = None if failed else (text if text is not None else block.content)
            return self._end(block.tool_use_id, failed, value, text if failed else None)
        return [Unknown(source_type=f"content/{block.type}"[:120], raw=shown(line))]

    def _next(self) -> int:
        self._unnamed += 1
        return self._unnamed

    def _exit_verdict(self, end: Exit) -> tuple[FailureCode, str]:
        """The errors printed say more than the exit code, which is 1 for everything."""
        for text in self._errors:
            code = code_for_text(text)
            if code is not None:
                return code, short(readable(text))
        if self._errors:
            return FailureCode.API_ERROR, short(readable(self._errors[0]))
        told = exit_verdict(end)
        unknown = told[0] is FailureCode.CLI_ERROR
        if self.session_id is not None and end.code == 1 and not self.seen and unknown:
            # 0.215.0 says nothing at all about a session that it does not know.
            return (
                FailureCode.SESSION_NOT_FOUND,
                "the CLI could not resume the session, and says nothing",
            )
        return told


def usage_of(tokens: d.Usage | None) -> Usage | None:
    """Droid's token counts as ours."""
    if tokens is None:
        return None
    return Usage(
        input_tokens=whole(tokens.input_tokens),
        output_tokens=whole(tokens.output_tokens),
        cache_read_tokens=whole(tokens.cache_read_input_tokens),
        cache_write_tokens=whole(tokens.cache_creation_input_tokens),
        reasoning_tokens=whole(tokens.thinking_tokens),
    )
