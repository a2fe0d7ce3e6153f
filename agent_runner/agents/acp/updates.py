"""ACP's session/update notifications to events."""

from __future__ import annotations

from typing import Any

from agent_runner.agents.acp import schema as acp
from agent_runner.agents.acp.calls import changed_files, output_text, tool_input, tool_name
from agent_runner.agents.acp.held import PENDING, HeldCalls
from agent_runner.agents.failures import short
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.agents.slash_commands import command_names
from agent_runner.agents.text_items import TextItems
from agent_runner.decoding.decode import plain, whole
from agent_runner.events.base import AgentEvent
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.session import SessionCommands
from agent_runner.events.tool import ToolProgress, ToolStarted


def update_events(
    protocol: ProtocolBase, text: TextItems, held: HeldCalls, kind: str, decoded: Any
) -> list[AgentEvent]:
    """The events of one decoded update; `kind` is its `sessionUpdate`."""
    if isinstance(decoded, acp.Chunk):
        return _chunk(text, kind, decoded)
    if isinstance(decoded, acp.ToolCall):
        return text.end() + _tool(protocol, held, decoded, is_new=kind == "tool_call")
    if isinstance(decoded, acp.Plan):
        return [Notice(code="plan", data={"entries": plain(decoded.entries)})]
    if isinstance(decoded, acp.ModeUpdate):
        return [Notice(code="mode_changed", message=short(decoded.currentModeId or ""))]
    if isinstance(decoded, acp.UsageUpdate):
        data = {"used": whole(decoded.used), "size": whole(decoded.size)}
        return [Activity(code="context_usage", data=data)]
    if isinstance(decoded, acp.Commands):
        return [SessionCommands(commands=command_names(decoded.availableCommands))]
    return [Notice(code=kind[:80], level="debug")]


def _chunk(items: TextItems, kind: str, chunk: acp.Chunk) -> list[AgentEvent]:
    text = chunk.content.text
    if kind == "user_message_chunk":
        return [Activity(code="prompt_echo")]
    if text is None:
        return [Notice(code="attachment", data={"kind": chunk.content.type})]
    if kind == "agent_thought_chunk":
        return items.reasoning(text)
    return items.message(text)


def started(call: acp.ToolCall) -> ToolStarted:
    """The beginning of a call."""
    return ToolStarted(
        tool_call_id=call.toolCallId,
        name=tool_name(call),
        input=tool_input(call),
        title=call.title,
        kind=call.kind,
    )


def _tool(
    protocol: ProtocolBase, held: HeldCalls, call: acp.ToolCall, *, is_new: bool
) -> list[AgentEvent]:
    begun = protocol.tools.get(call.toolCallId)
    done = call.status in ("completed", "failed")
    events: list[AgentEvent] = []
    if begun is None:
        if is_new and call.status == PENDING:
            held.hold(call)
            return []
        call = held.whole(call)
        begun = started(call)
        events += protocol.start_tool(begun)
    elif not done:
        events.append(ToolProgress(tool_call_id=call.toolCallId, text=output_text(call) or ""))
    if done:
        failed = call.status == "failed"
        text = output_text(call)
        events += protocol.end_tool(
            call.toolCallId,
            failed=failed,
            output=None if failed else (text if text is not None else call.rawOutput),
            error=(text or "the tool failed") if failed else None,
            changed=changed_files(call, begun),
        )
    return events
