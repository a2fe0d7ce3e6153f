"""Claude Code's content blocks: streamed pieces, completed blocks, tool results.

Pieces and the completed block share an item id, `<API message id>:<block index>`. A complete
`assistant` line holds one block, tells no index, and comes before the block's
content_block_stop: the index is that of the block open in the stream, or else counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from agent_runner.agents.claude import schema as c
from agent_runner.agents.claude import stream_schema as s
from agent_runner.agents.failures import short
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.decoding.decode import plain, shown
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import Unknown
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
)
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.tool import FileChanged, ToolInputDelta, ToolStarted

_STREAMS = 64  # API messages streaming at once: one per sub-agent

SYNTHETIC = "<synthetic>"
"""The model of what the CLI says itself."""
_CALLS = frozenset(("tool_use", "server_tool_use", "mcp_tool_use"))
_KINDS = {
    "Bash": "execute",
    "BashOutput": "read",
    "Edit": "edit",
    "MultiEdit": "edit",
    "NotebookEdit": "edit",
    "Write": "edit",
    "Read": "read",
    "Glob": "search",
    "Grep": "search",
    "WebFetch": "fetch",
    "WebSearch": "fetch",
    "Agent": "think",
    "Task": "think",
}

# How the CLI words a call that was refused without a question to us.
_REFUSED = re.compile(
    r"requested permissions? to |haven't granted it|Permission to use .{0,200} has been denied"
    r"|The user doesn't want to proceed|doesn't want to take this action"
)


class _Message:
    """One API message in progress; `open` is the block that streams, if one does."""

    __slots__ = ("current", "id", "next_index", "open")

    def __init__(self) -> None:
        self.id = ""
        self.next_index = 0
        self.current: int | None = None
        self.open: s.StartedBlock | None = None


class BlockReader:
    """Turns blocks into events; `last_text` is the newest text of the main agent.

    `on_answered` is called with each call that gets its result, and with the result's detail.
    """

    def __init__(
        self,
        protocol: ProtocolBase,
        on_answered: Callable[[ToolStarted | None, Any], None] = lambda _started, _detail: None,
    ) -> None:
        self._protocol = protocol
        self._on_answered = on_answered
        self._messages: dict[str | None, _Message] = {}
        self._unnamed = 0
        self.last_text: str | None = None

    # --- pieces ------------------------------------------------------------------------------

    def stream(self, event: Any, parent: str | None) -> list[AgentEvent]:
        """Events of one streaming event; most of the framing makes none."""
        if type(event) is s.ContentBlockDelta:
            return self._delta(event, parent)
        if type(event) is s.MessageStart:
            self._begin(parent, event.message.id)
        elif type(event) is s.ContentBlockStart:
            message = self._messages.get(parent) or self._begin(parent, None)
            message.open, message.current = event.content_block, event.index
        elif type(event) is s.ContentBlockStop:
            ended = self._messages.get(parent)
            if ended is not None:
                ended.open = ended.current = None
        elif type(event) is s.StreamError:
            error = event.error or {}
            text = error.get("message") or error.get("type") or ""
            return [Notice(code="stream_error", level="warning", message=short(str(text)))]
        return []

    def _begin(self, parent: str | None, message_id: str | None) -> _Message:
        if message_id is None:
            self._unnamed += 1
            message_id = f"message-{self._unnamed}"
        message = self._messages.get(parent)
        if message is None:
            while len(self._messages) >= _STREAMS:
                del self._messages[next(iter(self._messages))]
            message = self._messages[parent] = _Message()
        message.id, message.next_index = message_id, 0
        message.current = message.open = None
        return message

    def _delta(self, event: s.ContentBlockDelta, parent: str | None) -> list[AgentEvent]:
        delta, message = event.delta, self._messages.get(parent)
        kind = delta.type
        if kind in ("text_delta", "thinking_delta"):
            item_id = f"{message.id if message else 'message'}:{event.index}"
            if kind == "text_delta":
                return [MessageDelta(item_id=item_id, text=delta.text, parent_tool_call_id=parent)]
            text = delta.thinking
            return [ReasoningDelta(item_id=item_id, text=text, parent_tool_call_id=parent)]
        if delta.type == "input_json_delta":
            block = message.open if message and message.current == event.index else None
            if block is None or block.id is None or not delta.partial_json:
                return []
            return [
                ToolInputDelta(
                    tool_call_id=block.id,
                    name=block.name or "",
                    json=delta.partial_json,
                    parent_tool_call_id=parent,
                )
            ]
        if delta.type not in ("signature_delta", "citations_delta"):
            self._protocol.drift.note(f"stream_event/content_block_delta/{delta.type}")
        return []

    # --- complete blocks -----------------------------------------------------------------------

    def assistant(self, line: c.Assistant, raw: bytes) -> list[AgentEvent]:
        """Events of an `assistant` line; text that the CLI made up itself is a Notice."""
        parent = line.parent_tool_use_id
        message = self._messages.get(parent)
        message_id = line.message.id
        if message is None or (message_id is not None and message.id != message_id):
            message = self._begin(parent, message_id)
        content = line.message.content
        if len(content) == 1 and (content[0].type != "text" or line.message.model != SYNTHETIC):
            index = message.next_index if message.current is None else message.current
            message.next_index = index + 1
            return self._block(content[0], message, index, parent, raw)
        events: list[AgentEvent] = []
        for block in content:
            index = message.next_index if message.current is None else message.current
            message.next_index = index + 1
            if block.type != "text" or line.message.model != SYNTHETIC:
                events += self._block(block, message, index, parent, raw)
                continue
            events.append(
                Notice(
                    code="api_error" if line.error else "synthetic",
                    level="error" if line.error else "info",
                    message=short(block.text or ""),
                    data={"error": line.error} if line.error else None,
                )
            )
        return events or [Activity(code="empty_message")]

    def _block(
        self, block: c.Block, message: _Message, index: int, parent: str | None, raw: bytes
    ) -> list[AgentEvent]:
        kind = block.type
        if kind in _CALLS and block.id:
            name = block.name or kind
            started = ToolStarted(
                tool_call_id=block.id,
                name=name,
                input=plain(block.input) if type(block.input) is dict else {},
                kind=_KINDS.get(name),
                parent_tool_call_id=parent,
            )
            return self._protocol.start_tool(started) or [Activity(code="tool_repeated")]
        if kind == "text":
            if parent is None:
                self.last_text = block.text
            return [
                MessageCompleted(
                    item_id=f"{message.id}:{index}",
                    text=block.text or "",
                    parent_tool_call_id=parent,
                )
            ]
        if kind in ("thinking", "redacted_thinking"):
            return [
                ReasoningCompleted(
                    item_id=f"{message.id}:{index}",
                    text=block.thinking or "",
                    parent_tool_call_id=parent,
                )
            ]
        if kind.endswith("tool_result") and block.tool_use_id:
            return self._tool_result(block, None)
        self._protocol.drift.note(f"assistant.content.{kind}")
        return [Unknown(source_type=f"assistant/{kind}"[:120], raw=shown(raw))]

    # --- what the model is told ------------------------------------------------------------------

    def user(self, line: c.User, raw: bytes) -> list[AgentEvent]:
        """Events of a `user` line."""
        content = line.message.content
        if isinstance(content, str):
            return [_user_text(line, content)]
        events: list[AgentEvent] = []
        for block in content:
            if block.type == "tool_result" and block.tool_use_id is None:
                self._protocol.drift.note("user.content.tool_result")
                block.tool_use_id = self._protocol.only_call(line.parent_tool_use_id)
            if block.type == "tool_result" and block.tool_use_id:
                events += self._tool_result(block, line.tool_use_result)
            elif block.type == "text":
                events.append(_user_text(line, block.text or ""))
            elif block.type in ("image", "document"):
                events.append(Notice(code="attachment", level="debug", data={"kind": block.type}))
            else:
                self._protocol.drift.note(f"user.content.{block.type}")
                events.append(Unknown(source_type=f"user/{block.type}"[:120], raw=shown(raw)))
        return events or [Activity(code="empty_message")]

    def _tool_result(self, block: c.Block, detail: Any) -> list[AgentEvent]:
        assert block.tool_use_id is not None
        protocol = self._protocol
        failed = bool(block.is_error)
        content = block.content
        text = content if type(content) is str else result_text(content)
        if failed and text and _REFUSED.search(text[:2000]):
            protocol.denied.add(block.tool_use_id)
        started = protocol.tools.get(block.tool_use_id)
        self._on_answered(started, detail)
        return protocol.end_tool(
            block.tool_use_id,
            failed=failed,
            output=None if failed else (text if text is not None else content),
            error=text if failed else None,
            changed=changed_files(started, detail) if started and started.name in _EDITS else None,
        )


def result_text(content: Any) -> str | None:
    """A tool result's text, when text is all it holds."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [
        item["text"]
        for item in content
        if isinstance(item, dict) and isinstance(item.get("text"), str)
    ]
    return "\n".join(texts) if len(texts) == len(content) else None


_EDITS = frozenset(("Write", "Edit", "MultiEdit", "NotebookEdit"))


def changed_files(started: ToolStarted | None, detail: Any) -> list[FileChanged]:
    """The file a finished editing tool wrote, as `tool_use_result` or the input names it."""
    if started is None or started.name not in _EDITS:
        return []
    detail = detail if isinstance(detail, dict) else {}
    path = (
        detail.get("filePath")
        or detail.get("notebook_path")
        or started.input.get("file_path")
        or started.input.get("notebook_path")
    )
    if not isinstance(path, str):
        return []
    change: Literal["created", "modified", "unknown"] = "modified"
    if detail.get("type") == "create":
        change = "created"
    elif started.name == "Write" and detail.get("type") != "update":
        change = "unknown"
    return [FileChanged(path=path, change=change, tool_call_id=started.tool_call_id)]


_LOCAL = re.compile(r"<local-command-(stdout|stderr)>(.*?)</local-command-", re.DOTALL)


def _user_text(line: c.User, text: str) -> Notice:
    """A user line that is no tool result changes no outcome: say what it is."""
    local = _LOCAL.search(text[:4000])
    if local:
        return Notice(code="local_command", message=short(local[2]))
    if text.startswith("[Request interrupted"):
        return Notice(code="interrupted", message=short(text))
    if line.parent_tool_use_id is not None:
        return Notice(code="subagent_prompt", level="debug", message=short(text))
    if line.isReplay:
        return Notice(code="user_replay", level="debug", message=short(text))
    return Notice(code="user_message", level="debug", message=short(text))
