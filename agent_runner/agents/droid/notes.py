"""Factory Droid's session notifications to events.

Text pieces carry a message id and a block index, which make the item id; `create_message`
brings the whole message. Pieces that no whole message follows (an interrupted turn) are
completed from what came, up to MAX_PIECES characters in all.
"""

from __future__ import annotations

from typing import Any, Protocol

from agent_runner.agents.claude.blocks import result_text
from agent_runner.agents.droid import rpc_schema as d
from agent_runner.agents.droid.files import KINDS, changed_files
from agent_runner.agents.droid.reasons import code_for_reason
from agent_runner.agents.droid.tokens import usage_of
from agent_runner.agents.failures import readable, short
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.agents.unanswered import UNTOLD, hook_words
from agent_runner.decoding.decode import plain, whole
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
)
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.tool import ToolProgress, ToolStarted
from agent_runner.events.usage import RetryScheduled, Usage, UsageReported
from agent_runner.pieces import Pieces
from conversation_store.codes import FailureCode

_RETRIES = {
    "overloaded": FailureCode.OVERLOADED,
    "rate_limited": FailureCode.RATE_LIMITED,
    "timeout": FailureCode.CONNECTION_FAILED,
    "network": FailureCode.CONNECTION_FAILED,
}

MAX_PIECES = 32 << 20

_QUIET = frozenset(
    {
        "session_token_usage_changed",
        "settings_updated",
        "mcp_status_changed",
        "mission_heartbeat",
        "session_title_updated",
    }
)


class EndTurn(Protocol):
    """Closes what is open and gives the turn's result."""

    def __call__(
        self,
        *,
        code: FailureCode | None,
        error: str | None,
        reason: str | None,
        usage: Usage | None = None,
        duration_ms: int | None = None,
    ) -> list[AgentEvent]:
        """The last events of the turn."""
        ...


class DroidReader:
    """Turns notifications into events; `last_text` is the turn's newest whole text.

    `model` is what the session runs on, as far as it is known.
    """

    def __init__(self, session: ProtocolBase, end_turn: EndTurn, model: str | None) -> None:
        self._session = session
        self._end_turn = end_turn
        self.model = model
        self._pieces: dict[tuple[str, bool], Pieces] = {}
        self._pieces_size = 0
        self._growing: dict[str, d.ToolUse] = {}
        self._ended: set[str] = set()
        self._error: str | None = None
        self.last_text: str | None = None

    def begin_turn(self) -> None:
        """Forget the last turn."""
        self._error = None
        self.last_text = None
        self._growing.clear()
        self._ended.clear()

    def read(self, name: str, note: Any, line: bytes) -> list[AgentEvent]:
        """The events of one notification."""
        if isinstance(note, d.TextDelta):
            return [self._delta(name, note)]
        if isinstance(note, d.CreateMessage):
            return self._message(note.message) or [Activity(code=name)]
        if isinstance(note, d.ToolCall):
            self._growing[note.toolUse.id] = note.toolUse
            return [Activity(code=name)]
        if isinstance(note, d.ToolPhase):
            call = self._growing.get(note.toolUseId)
            if call is not None and note.phase != "streaming_input":
                return self.start(call) or [Activity(code=note.phase[:80])]
            return [Activity(code=note.phase[:80])]
        if isinstance(note, d.ToolProgress):
            if note.toolUseId is None:
                return [Activity(code=name)]
            return [ToolProgress(tool_call_id=note.toolUseId, text=_progress(note.update))]
        if isinstance(note, d.ToolResult):
            return self._result(note)
        if isinstance(note, d.TurnCompleted):
            return self._turn(note)
        if isinstance(note, d.Retry):
            return [
                RetryScheduled(
                    attempt=whole(note.attempt) or 0,
                    code=_RETRIES.get(note.reason or "", FailureCode.API_ERROR),
                    max_attempts=whole(note.maxAttempts),
                    delay_ms=whole(note.delayMs),
                    message=note.reason,
                )
            ]
        if isinstance(note, d.Error):
            self._error = note.message
            if words := hook_words(note.message):
                self._session.answered.refused(words)
            data = {"errorType": note.errorType} if note.errorType else None
            text = short(note.message)
            return [Notice(code="agent_error", level="error", message=text, data=data)]
        if isinstance(note, d.PermissionResolved):
            return self._session.withdraw(
                str(note.requestId), f"the CLI chose {note.selectedOption}"
            ) or [Activity(code=name)]
        if isinstance(note, d.StateChanged):
            return [Activity(code="working_state", message=note.newState[:80])]
        if isinstance(note, d.Bookkeeping):
            text = note.title or note.text
            message = short(text) if isinstance(text, str) else ""
            if name in _QUIET:
                return [Activity(code=name, message=message)]
            return [Notice(code=name, level="debug", message=message)]
        return [Activity(code=name)]

    # --- text ------------------------------------------------------------------------------

    def _delta(self, name: str, note: d.TextDelta) -> AgentEvent:
        item_id = f"{note.messageId or 'message'}:{note.blockIndex or 0}"
        thinking = name == "thinking_text_delta"
        if self._pieces_size < MAX_PIECES:
            self._pieces_size += len(note.textDelta)
            self._pieces.setdefault((item_id, thinking), Pieces()).add(note.textDelta)
        if thinking:
            return ReasoningDelta(item_id=item_id, text=note.textDelta)
        return MessageDelta(item_id=item_id, text=note.textDelta)

    def _message(self, message: d.Message) -> list[AgentEvent]:
        if message.role != "assistant" or not message.content:
            return []
        content = message.content
        if isinstance(content, str):
            content = [d.Block(type="text", text=content)]
        events: list[AgentEvent] = []
        for index, block in enumerate(content):
            item_id = f"{message.id or 'message'}:{index}"
            if block.type == "text":
                self._forget_pieces(item_id, thinking=False)
                events.append(self._text(item_id, block.text or ""))
            elif block.type == "thinking":
                self._forget_pieces(item_id, thinking=True)
                events.append(ReasoningCompleted(item_id=item_id, text=block.thinking or ""))
            elif block.type == "tool_use" and block.id:
                call = d.ToolUse(id=block.id, name=block.name or "tool", input=block.input)
                events += self.start(call)
        return events

    def _forget_pieces(self, item_id: str, *, thinking: bool) -> None:
        pieces = self._pieces.pop((item_id, thinking), None)
        if pieces is not None:
            self._pieces_size -= pieces.size

    def _text(self, item_id: str, text: str) -> AgentEvent:
        self.last_text = text
        return MessageCompleted(item_id=item_id, text=text)

    def end(self) -> list[AgentEvent]:
        """Complete the text that no whole message followed."""
        events: list[AgentEvent] = []
        for (item_id, thinking), pieces in self._pieces.items():
            text = pieces.text()
            if thinking:
                events.append(ReasoningCompleted(item_id=item_id, text=text))
            else:
                events.append(self._text(item_id, text))
        self._pieces.clear()
        self._pieces_size = 0
        return events

    # --- tools -----------------------------------------------------------------------------

    def start(self, call: d.ToolUse) -> list[AgentEvent]:
        """ToolStarted, once per call."""
        self._growing.pop(call.id, None)
        if call.id in self._ended:
            return []
        return self._session.start_tool(
            ToolStarted(
                tool_call_id=call.id,
                name=call.name,
                input=plain(call.input) if isinstance(call.input, dict) else {},
                kind=KINDS.get(call.name),
            )
        )

    def _result(self, note: d.ToolResult) -> list[AgentEvent]:
        if note.toolUseId in self._ended:
            return [Activity(code="tool_result_repeated")]
        events: list[AgentEvent] = []
        call = self._growing.get(note.toolUseId)
        if call is not None:
            events += self.start(call)
        self._ended.add(note.toolUseId)
        failed = bool(note.isError)
        text = result_text(note.content)
        return events + self._session.end_tool(
            note.toolUseId,
            failed=failed,
            output=None if failed else (text if text is not None else note.content),
            error=(text or "the tool failed") if failed else None,
            changed=changed_files(self._session.tools.get(note.toolUseId)),
        )

    # --- the turn's end ----------------------------------------------------------------------

    def _turn(self, note: d.TurnCompleted) -> list[AgentEvent]:
        tokens = note.tokenUsage
        usage = None
        events: list[AgentEvent] = []
        if tokens is not None:
            usage = usage_of(tokens)
            events.append(UsageReported(usage=usage, model=self.model))
        reason = note.reason or ("error" if self._error else "completed")
        code = code_for_reason(reason, self._error)
        if code is None and note.reason is None and self._session.in_part:
            code, self._error = UNTOLD
        return events + self._end_turn(
            code=code,
            error=short(readable(self._error or reason)) if code else None,
            reason=reason[:80],
            usage=usage,
            duration_ms=whole(note.durationMs),
        )


def _progress(update: Any) -> str:
    """The text of a tool's progress, whose shape differs by tool."""
    if isinstance(update, str):
        return short(update)
    if isinstance(update, dict):
        for key in ("text", "output", "message", "content"):
            if isinstance(update.get(key), str):
                return short(update[key])
    return ""
