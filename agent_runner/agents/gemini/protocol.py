"""Gemini CLI's stream-json output, one process per prompt.

The text arrives as deltas only; it is joined into one message per stretch of text. When the
model's stream is cut, the CLI tries up to four times and prints each attempt's text again,
unmarked. A true repetition looks the same, so nothing is removed: a Notice
`possible_repeat` says that the text begins twice.

At its exit 0.61.0 drops what the pipe did not take yet: of a long answer, or after a long prompt
(which it prints first), the end can be missing, with exit 0. That is `no_result`. ACP is safe.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment, mentioned
from agent_runner.agents.base import AgentOptions, Exit, Form, Received
from agent_runner.agents.failures import (
    code_for_stack,
    code_for_status,
    code_for_text,
    exit_verdict,
    readable,
    short,
)
from agent_runner.agents.gemini import schema as g
from agent_runner.agents.protocol import AGENT_ROLES, ProtocolBase
from agent_runner.agents.text_items import TextItems
from agent_runner.agents.unanswered import hook_words
from agent_runner.decoding.decode import plain, shown, whole
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import Unknown
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import FileChanged, ToolStarted
from agent_runner.events.usage import Usage, UsageReported
from conversation_store.codes import FailureCode

EXIT_CODES = {
    41: FailureCode.AUTH_REQUIRED,
    42: FailureCode.NO_INPUT,
    44: FailureCode.CLI_ERROR,
    52: FailureCode.CLI_USAGE,
    53: FailureCode.MAX_TURNS,
    54: FailureCode.CLI_ERROR,
    55: FailureCode.UNTRUSTED_FOLDER,
    130: FailureCode.INTERRUPTED,
} | {status - 256: code_for_status(status) or FailureCode.API_ERROR for status in range(400, 512)}
"""Gemini's exit codes; an API error exits with its HTTP status modulo 256."""

NOISE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"true color|256-color|ripgrep is not available|yolo mode is enabled",
        r"^at |^\s*[{}\]\[],?$|node:internal|deprecat",
        r"full report available|error when talking to gemini api",
    )
)

KINDS = {
    "run_shell_command": "execute",
    "read_file": "read",
    "read_many_files": "read",
    "list_directory": "search",
    "glob": "search",
    "grep_search": "search",
    "search_file_content": "search",
    "write_file": "edit",
    "replace": "edit",
    "web_fetch": "fetch",
    "google_web_search": "fetch",
}


class GeminiProtocol(ProtocolBase):
    """One prompt to `gemini --output-format=stream-json`."""

    lines = g.LINES

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._text = TextItems()
        self._pieces: list[str] = []
        self._model: str | None = None
        self._failure: TurnCompleted | None = None
        self._hint: FailureCode | None = None
        self._said = ""

    @property
    def close_after_prompt(self) -> bool:
        """The CLI reads its prompt to the end of stdin."""
        return True

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """The prompt itself."""
        self._begin_turn(text)
        return mentioned(text, attachments).encode("utf-8", "replace")

    def _counts_in_part(self, message: Any) -> bool:
        if isinstance(message, g.Result):
            # A type alone is no end: the whole line may yet come.
            return message.status is not None
        return isinstance(message, g.ToolResult)

    def _take(self, message: Any, line: bytes) -> Received:
        self.saw(type(message).__name__)
        return Received(events=self._events(message, line))

    def _events(self, message: Any, line: bytes) -> list[AgentEvent]:
        if isinstance(message, g.Message):
            if message.role == "user":
                return [Activity(code="prompt_echo")]
            if message.role not in AGENT_ROLES:
                return [Unknown(source_type=f"message/{message.role}"[:120], raw=shown(line))]
            if len(self._pieces) < 10_000:
                self._pieces.append(message.content)
            return self._text.message(message.content)
        if isinstance(message, g.Init):
            return self._init(message)
        if isinstance(message, g.ToolUse):
            return self._end_text() + self.start_tool(
                ToolStarted(
                    tool_call_id=message.tool_id,
                    name=message.tool_name,
                    input=plain(message.parameters) if isinstance(message.parameters, dict) else {},
                    kind=KINDS.get(message.tool_name),
                )
            )
        if isinstance(message, g.ToolResult):
            call = message.tool_id or self.only_call()
            if call is None:
                return [Unknown(source_type="tool_result", raw=shown(line))]
            return self._tool_result(call, message)
        if isinstance(message, g.Error):
            self._hint = code_for_text(message.message) or self._hint
            self._said = message.message
            if words := hook_words(message.message):
                self.answered.refused(words)
            return [
                Notice(
                    code="agent_error",
                    level="warning" if message.severity == "warning" else "error",
                    message=short(message.message),
                )
            ]
        assert isinstance(message, g.Result)
        return self._result(message)

    def _init(self, message: g.Init) -> list[AgentEvent]:
        events = self._accept_session_id(message.session_id)
        self._model = message.model
        if self.session_id is not None:
            events.append(SessionStarted(session_id=self.session_id, model=message.model))
        return events or [Notice(code="session_without_id", level="warning")]

    def _tool_result(self, call: str, message: g.ToolResult) -> list[AgentEvent]:
        error = message.error
        if error is not None and error.type == "policy_violation":
            self.denied.add(call)
        started = self.tools.get(call)
        return self.end_tool(
            call,
            failed=error is not None if message.status is None else message.status != "success",
            output=message.output,
            error=(error.message or error.type) if error else None,
            changed=_changed(started),
        )

    def _end_text(self) -> list[AgentEvent]:
        events = self._text.end()
        if _begins_twice(self._pieces):
            events.append(
                Notice(
                    code="possible_repeat",
                    level="warning",
                    message="the text begins twice: the CLI may have repeated a cut answer",
                )
            )
        self._pieces.clear()
        return events

    def _result(self, message: g.Result) -> list[AgentEvent]:
        events = self._end_text() + self._close_open("the turn ended")
        stats = message.stats
        usage = _usage(stats)
        if usage is not None:
            models = list((stats.models if stats else None) or {})
            model = models[0] if len(models) == 1 else self._model
            events.append(UsageReported(usage=usage, model=model))
        ok = message.status == "success" or (message.status is None and message.error is None)
        said = (message.error.message if message.error else "") or self._said
        code = None if ok else code_for_text(said) or self._hint
        if ok and (lacks := self.answered.lacks(self._text.last)) is not None:
            ok, (code, said) = False, lacks
        turn_result = TurnCompleted(
            ok=ok,
            text=self._text.last,
            code=code,
            error=None
            if ok
            else short(readable(said)) or "the CLI reports an error without a text",
            stop_reason=message.error.type if message.error else None,
            session_id=self.session_id,
            usage=usage,
            duration_ms=whole(stats.duration_ms) if stats else None,
        )
        if not ok and code is None:
            # The exit code will say more: it is the HTTP status modulo 256.
            self._failure = turn_result
            return events
        self._turn_ended()
        return [*events, turn_result]

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """As the base; a failure whose reason was unknown gets the exit code's."""
        failure = self._failure
        if failure is None or not self._prompts:
            return self._end_text() + super().finish(exit)
        self._turn_ended()
        code = (
            EXIT_CODES.get(exit.code or 0)
            or code_for_stack(exit.stderr_tail)
            or FailureCode.API_ERROR
        )
        return [
            *self._close_open("the CLI ended"),
            TurnCompleted(
                ok=False,
                text=failure.text,
                code=code,
                error=failure.error,
                stop_reason=failure.stop_reason,
                session_id=failure.session_id,
                usage=failure.usage,
                duration_ms=failure.duration_ms,
            ),
        ]

    def _exit_verdict(self, end: Exit) -> tuple[FailureCode, str]:
        return exit_verdict(end, by_code=EXIT_CODES, noise=NOISE)


def _usage(stats: g.Stats | None) -> Usage | None:
    if stats is None:
        return None
    return Usage(
        input_tokens=whole(stats.input_tokens),
        output_tokens=whole(stats.output_tokens),
        cache_read_tokens=whole(stats.cached),
        total_tokens=whole(stats.total_tokens),
    )


def _changed(started: ToolStarted | None) -> list[FileChanged]:
    if started is None or started.name not in ("write_file", "replace"):
        return []
    path = started.input.get("file_path")
    if not isinstance(path, str):
        return []
    return [
        FileChanged(
            path=path,
            change="modified" if started.name == "replace" else "unknown",
            tool_call_id=started.tool_call_id,
        )
    ]


def _begins_twice(pieces: list[str]) -> bool:
    """True if the first pieces, 8 characters at least, come again at once in the same cuts."""
    size = 0
    for count in range(1, len(pieces) // 2 + 1):
        size += len(pieces[count - 1])
        if size >= 8 and pieces[count] == pieces[0] and pieces[:count] == pieces[count : 2 * count]:
            return True
    return False
