"""The items of Codex CLI's app-server to events.

A prompt that is given into a running turn breaks off the message that is being written: nothing
more is told of it. It is completed from its pieces, up to MAX_PIECES characters in all.
"""

from __future__ import annotations

from typing import Any

from agent_runner.agents.codex import rpc_schema as r
from agent_runner.agents.codex.calls import (
    command_call,
    end_call,
    mcp_call,
    patch_call,
)
from agent_runner.agents.codex.tools import KINDS, SEARCH
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.decoding.decode import plain
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
)
from agent_runner.events.notice import Activity
from agent_runner.events.tool import ToolProgress, ToolStarted
from agent_runner.pieces import Pieces

MAX_PIECES = 32 << 20

_MESSAGE = "item/agentMessage/delta"
_OUTPUT = "item/commandExecution/outputDelta"


class CodexReader:
    """Turns items into events; `last_text` is the turn's newest whole message."""

    def __init__(self, session: ProtocolBase) -> None:
        self._session = session
        self._pieces: dict[tuple[str, bool], Pieces] = {}
        self._size = 0
        self.last_text: str | None = None

    def begin_turn(self) -> None:
        """Forget the last turn."""
        self.last_text = None

    def delta(self, method: str, note: r.DeltaNote) -> list[AgentEvent]:
        """More of an item."""
        if method == _OUTPUT:
            return [ToolProgress(tool_call_id=note.itemId, text=note.delta[:4000])]
        is_message = method == _MESSAGE
        if self._size < MAX_PIECES:
            self._size += len(note.delta)
            self._pieces.setdefault((note.itemId, is_message), Pieces()).add(note.delta)
        if is_message:
            return [MessageDelta(item_id=note.itemId, text=note.delta)]
        return [ReasoningDelta(item_id=note.itemId, text=note.delta)]

    def started(self, item: r.Item) -> list[AgentEvent]:
        """An item begins."""
        call = _call_of(item)
        if call is None:
            return [Activity(code=item.type[:80])]
        return self._session.start_tool(call) or [Activity(code="tool_repeated")]

    def completed(self, item: r.Item) -> list[AgentEvent]:
        """An item is complete."""
        if item.type == "agentMessage":
            self._forget(item.id, is_message=True)
            self.last_text = item.text or ""
            return [MessageCompleted(item_id=item.id, text=self.last_text)]
        if item.type == "reasoning":
            self._forget(item.id, is_message=False)
            text = "\n\n".join(_texts(item.summary) or _texts(item.content))
            if not text:
                return [Activity(code=item.type)]
            return [ReasoningCompleted(item_id=item.id, text=text)]
        call = _call_of(item)
        if call is None:
            return [Activity(code=item.type[:80])]
        return [*self._session.start_tool(call), *self._ended(item)]

    def end(self) -> list[AgentEvent]:
        """Complete the texts of which nothing more is told."""
        events: list[AgentEvent] = []
        for (item_id, is_message), pieces in self._pieces.items():
            text = pieces.text()
            if is_message:
                self.last_text = text
                events.append(MessageCompleted(item_id=item_id, text=text, partial=True))
            else:
                events.append(ReasoningCompleted(item_id=item_id, text=text, partial=True))
        self._pieces.clear()
        self._size = 0
        return events

    def _forget(self, item_id: str, *, is_message: bool) -> None:
        pieces = self._pieces.pop((item_id, is_message), None)
        if pieces is not None:
            self._size -= pieces.size

    def _ended(self, item: r.Item) -> list[AgentEvent]:
        if item.status == "declined":
            self._session.denied.add(item.id)
        return end_call(
            self._session,
            item,
            is_mcp=item.type == "mcpToolCall",
            output=item.aggregatedOutput,
            exit_code=item.exitCode,
            changes=item.changes or (),
        )


def _call_of(item: r.Item) -> ToolStarted | None:
    """The tool call that an item is; None if it is none."""
    match item.type:
        case "commandExecution":
            return command_call(item.id, item.command or "", item.cwd)
        case "fileChange":
            return patch_call(item.id, item.changes or ())
        case "mcpToolCall":
            return mcp_call(item.id, item.server or "", item.tool or "", item.arguments)
        case "webSearch":
            query = {"query": plain(item.query)}
            return ToolStarted(tool_call_id=item.id, name=SEARCH, input=query, kind=KINDS[SEARCH])
        case "dynamicToolCall" | "collabAgentToolCall":
            given = plain(item.arguments) if isinstance(item.arguments, dict) else {}
            return ToolStarted(tool_call_id=item.id, name=item.tool or "tool", input=given)
        case "imageView":
            given = {"path": item.path}
            return ToolStarted(tool_call_id=item.id, name="view_image", input=given, kind="read")
    return None


def _texts(parts: Any) -> list[str]:
    return [part for part in parts if isinstance(part, str) and part] if parts else []
