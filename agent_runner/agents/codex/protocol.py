"""Codex CLI's `exec --json` output, one process per prompt.

It asks nothing: what its sandbox or its rules do not let through is told to the model, and by no
line. The exit code is 1 for every failure, and 2 for a wrong command line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment, images_apart
from agent_runner.agents.base import AgentOptions, Exit, Form, Received
from agent_runner.agents.codex import schema as c
from agent_runner.agents.codex.calls import (
    command_call,
    end_call,
    mcp_call,
    patch_call,
)
from agent_runner.agents.codex.reasons import verdict
from agent_runner.agents.codex.tokens import usage_of
from agent_runner.agents.codex.tools import KINDS, SEARCH
from agent_runner.agents.failures import code_for_text, exit_verdict, readable, short
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.agents.unanswered import UNTOLD
from agent_runner.decoding.decode import plain, shown
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import Unknown
from agent_runner.events.message import MessageCompleted, ReasoningCompleted, TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.session import SessionStarted
from agent_runner.events.tool import ToolStarted
from agent_runner.events.usage import RetryScheduled, Usage, UsageReported
from conversation_store.codes import FailureCode

RETRY = re.compile(r"Reconnecting\.\.\. (\d+)/(\d+)(?: \((.*)\))?", re.DOTALL)
"""How it tells that it asks its model again."""

EXIT_CODES = {2: FailureCode.CLI_USAGE}

NOISE = (
    re.compile(r"\b(?:WARN|INFO|DEBUG)\b|^Reading prompt from stdin|could not find bubblewrap"),
)


class CodexProtocol(ProtocolBase):
    """One prompt to `codex exec --json`."""

    lines = c.LINES

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._resumed = resume is not None
        self._last_text: str | None = None
        self._error: str | None = None

    @property
    def close_after_prompt(self) -> bool:
        """The CLI reads its prompt to the end of stdin."""
        return True

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """The prompt itself; its images are named by flags (`Adapter.image_args`)."""
        self._begin_turn(text)
        words, _ = images_apart(text, attachments)
        return words.encode("utf-8", "replace")

    def _counts_in_part(self, message: Any) -> bool:
        return isinstance(message, c.TurnCompleted | c.TurnFailed | c.ItemCompleted)

    def _take(self, message: Any, line: bytes) -> Received:
        self.saw(type(message).__name__)
        return Received(events=self._events(message, line))

    def _events(self, message: Any, line: bytes) -> list[AgentEvent]:
        match message:
            case c.ThreadStarted():
                return self._begin(message.thread_id)
            case c.ItemStarted() | c.ItemUpdated():
                return self._start(message.item) or [Activity(code=message.item.type[:80])]
            case c.ItemCompleted():
                return self._complete(message.item, line)
            case c.Error():
                return self._problem(message.message)
            case c.TurnCompleted():
                return self._over(message)
            case c.TurnFailed():
                return self._failed(message)
        return [Activity(code="turn_started")]

    def _begin(self, thread_id: str) -> list[AgentEvent]:
        events = self._accept_session_id(thread_id)
        if self.session_id is not None:
            events.append(
                SessionStarted(
                    session_id=self.session_id, model=self.options.model, cwd=self.options.cwd
                )
            )
        return events

    # --- items -----------------------------------------------------------------------------

    def _start(self, item: c.Item) -> list[AgentEvent]:
        call = _call_of(item)
        return [] if call is None else self.start_tool(call)

    def _complete(self, item: c.Item, line: bytes) -> list[AgentEvent]:
        match item.type:
            case "agent_message":
                self._last_text = item.text or ""
                return [MessageCompleted(item_id=item.id, text=self._last_text)]
            case "reasoning":
                return [ReasoningCompleted(item_id=item.id, text=item.text or "")]
            case "error":
                text = short(item.message or "")
                return [Notice(code="agent_error", level="warning", message=text)]
            case "todo_list":
                return [Notice(code="todo_list", level="debug", data={"items": plain(item.items)})]
        if _call_of(item) is None:
            return [Unknown(source_type=f"item/{item.type}"[:120], raw=shown(line))]
        return [*self._start(item), *self._end(item)]

    def _end(self, item: c.Item) -> list[AgentEvent]:
        if item.status == "declined":
            self.denied.add(item.id)
        return end_call(
            self,
            item,
            is_mcp=item.type == "mcp_tool_call",
            output=item.aggregated_output,
            exit_code=item.exit_code,
            changes=item.changes or (),
        )

    # --- the end of the turn -----------------------------------------------------------------

    def _problem(self, text: str) -> list[AgentEvent]:
        if (event := retry_told(text)) is not None:
            return [event]
        self._error = text
        return [Notice(code="agent_error", level="error", message=short(readable(text)))]

    def _over(self, message: c.TurnCompleted) -> list[AgentEvent]:
        events = self._close_open("the turn ended")
        # Of a resumed session it is what all its turns have used.
        tokens = None if self._resumed else message.usage
        usage = usage_of(tokens) if tokens is not None else None
        if usage is not None:
            events.append(UsageReported(usage=usage, model=self.options.model))
        code, error = self.answered.lacks(self._last_text) or (None, None)
        return [*events, self._turn(code, error, usage)]

    def _failed(self, message: c.TurnFailed) -> list[AgentEvent]:
        text = (message.error.message if message.error else None) or self._error
        code, error = UNTOLD if text is None else verdict(text)
        return [*self._close_open("the turn ended"), self._turn(code, error, None)]

    def _turn(
        self, code: FailureCode | None, error: str | None, usage: Usage | None
    ) -> TurnCompleted:
        turn = TurnCompleted(
            ok=code is None,
            text=self._last_text,
            code=code,
            error=error,
            session_id=self.session_id,
            usage=usage,
        )
        self._turn_ended()
        return turn

    def _exit_verdict(self, end: Exit) -> tuple[FailureCode, str]:
        if self._error is not None:
            return verdict(self._error)
        return exit_verdict(end, by_code=EXIT_CODES, noise=NOISE)


def retry_told(text: str) -> RetryScheduled | None:
    """The retry that a text tells of; None if it tells of none."""
    found = RETRY.match(text)
    if found is None:
        return None
    return RetryScheduled(
        attempt=int(found[1]),
        max_attempts=int(found[2]),
        code=code_for_text(found[3] or "") or FailureCode.CONNECTION_FAILED,
        message=short(found[3] or text),
    )


def _call_of(item: c.Item) -> ToolStarted | None:
    """The tool call that an item is; None if it is none."""
    match item.type:
        case "command_execution":
            return command_call(item.id, item.command or "")
        case "file_change":
            return patch_call(item.id, item.changes or ())
        case "mcp_tool_call":
            return mcp_call(item.id, item.server or "", item.tool or "", item.arguments)
        case "web_search":
            query = {"query": plain(item.query)}
            return ToolStarted(tool_call_id=item.id, name=SEARCH, input=query, kind=KINDS[SEARCH])
        case "collab_tool_call":
            given = {"prompt": plain(item.prompt)}
            return ToolStarted(tool_call_id=item.id, name=item.tool or "agent", input=given)
    return None
