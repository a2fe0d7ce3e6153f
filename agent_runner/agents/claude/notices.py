"""Claude Code's rarer lines to events: logins, summaries, signs of life."""

from __future__ import annotations

from typing import Any

from agent_runner.agents.claude import schema as c
from agent_runner.agents.failures import short
from agent_runner.decoding.decode import whole
from agent_runner.events.base import AgentEvent
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.tool import ToolProgress


def rest_events(message: Any) -> list[AgentEvent]:
    """The events of a line that is neither the model's nor the system's."""
    if isinstance(message, c.ToolProgressLine):
        seconds = message.elapsed_time_seconds
        return [
            ToolProgress(
                tool_call_id=message.tool_use_id,
                elapsed_ms=None if seconds is None else whole(seconds * 1000),
            )
        ]
    if isinstance(message, c.AuthStatus):
        return [
            Notice(
                code="auth_status",
                level="warning" if message.error else "info",
                message=short(message.error or ""),
            )
        ]
    if isinstance(message, c.ToolUseSummary):
        return [Notice(code="tool_use_summary", level="debug", message=short(message.summary))]
    if isinstance(message, c.PromptSuggestion):
        return [Notice(code="prompt_suggestion", level="debug", message=short(message.suggestion))]
    if isinstance(message, c.ConversationReset):
        return [Notice(code="conversation_reset")]
    if isinstance(message, c.ActiveGoal):
        return [Notice(code="active_goal", level="debug")]
    if isinstance(message, c.TranscriptMirror):
        return [Activity(code="transcript_mirror")]
    return [Activity(code="keep_alive")]
