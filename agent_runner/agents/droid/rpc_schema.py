"""Factory Droid's stream-jsonrpc: notifications, requests and answers.

Recorded from 0.215.0 (protocol 1.206.0); "not seen" is from the CLI's own schema. All
notifications have one method, `droid.session_notification`, and differ in
`params.notification.type`. `params.sessionId` is missing on several.
"""

from __future__ import annotations

from typing import Any

from agent_runner.decoding.decode import Family, Line, OpenLine


class Notification(Line):
    """What every notification has."""

    type: Any = None


class TextDelta(Notification, kw_only=True):
    """assistant_text_delta, thinking_text_delta."""

    textDelta: str  # noqa: N815 - the CLI's own name
    messageId: str | None = None  # noqa: N815 - the CLI's own name
    blockIndex: int | None = None  # noqa: N815 - the CLI's own name


class TextComplete(Notification, kw_only=True):
    """assistant_text_complete, thinking_text_complete: the pieces are all there."""

    messageId: str | None = None  # noqa: N815 - the CLI's own name
    blockIndex: int | None = None  # noqa: N815 - the CLI's own name
    text: Any = None
    durationMs: Any = None  # noqa: N815 - the CLI's own name


class Block(Line):
    """A content block of a message."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: Any = None
    signatureProvider: Any = None  # noqa: N815 - the CLI's own name
    id: str | None = None
    name: str | None = None
    input: Any = None
    toolUseId: Any = None  # noqa: N815 - the CLI's own name
    content: Any = None
    isError: Any = None  # noqa: N815 - the CLI's own name
    source: Any = None
    durationMs: Any = None  # noqa: N815 - the CLI's own name


class Message(Line):
    """A whole message as it is stored."""

    role: str | None = None
    content: list[Block] | str | None = None
    id: str | None = None
    createdAt: Any = None  # noqa: N815 - the CLI's own name
    updatedAt: Any = None  # noqa: N815 - the CLI's own name
    parentId: Any = None  # noqa: N815 - the CLI's own name
    visibility: Any = None
    interactionMode: Any = None  # noqa: N815 - the CLI's own name
    modelId: Any = None  # noqa: N815 - the CLI's own name
    reasoningEffort: Any = None  # noqa: N815 - the CLI's own name


class CreateMessage(Notification, kw_only=True):
    """create_message: a message of the user or the agent is complete."""

    message: Message
    requestId: Any = None  # noqa: N815 - the CLI's own name


class ToolUse(Line):
    """A tool call; its `input` grows from notification to notification."""

    id: str
    name: str
    input: Any = None
    type: Any = None


class ToolCall(Notification, kw_only=True):
    """tool_call: sent again and again while the input grows, first with {}."""

    toolUse: ToolUse  # noqa: N815 - the CLI's own name
    messageId: Any = None  # noqa: N815 - the CLI's own name
    blockIndex: Any = None  # noqa: N815 - the CLI's own name


class ToolPhase(Notification, kw_only=True):
    """tool_execution_phase_changed.

    `phase`: streaming_input, queued, executing, settled_after_execution,
    settled_without_execution, settled_unknown. From `queued` on the input is whole.
    """

    toolUseId: str  # noqa: N815 - the CLI's own name
    phase: str
    toolName: str | None = None  # noqa: N815 - the CLI's own name


class ToolProgress(Notification, kw_only=True):
    """tool_progress_update, and tool_execution_heartbeat (not seen)."""

    toolUseId: str | None = None  # noqa: N815 - the CLI's own name
    toolName: Any = None  # noqa: N815 - the CLI's own name
    update: Any = None


class ToolResult(Notification, kw_only=True):
    """tool_result: may come twice when the turn is interrupted."""

    toolUseId: str  # noqa: N815 - the CLI's own name
    content: Any = None
    isError: bool | None = None  # noqa: N815 - the CLI's own name
    messageId: Any = None  # noqa: N815 - the CLI's own name


class PermissionResolved(Notification, kw_only=True):
    """permission_resolved: our answer, or the CLI's own."""

    requestId: str | None = None  # noqa: N815 - the CLI's own name
    selectedOption: str | None = None  # noqa: N815 - the CLI's own name
    toolUseIds: Any = None  # noqa: N815 - the CLI's own name


class StateChanged(Notification, kw_only=True):
    """droid_working_state_changed: idle, thinking, executing_tool, ..."""

    newState: str  # noqa: N815 - the CLI's own name


class TokenUsage(Line):
    """Token counts of a turn or of the session."""

    inputTokens: float | None = None  # noqa: N815 - the CLI's own name
    outputTokens: float | None = None  # noqa: N815 - the CLI's own name
    cacheReadTokens: float | None = None  # noqa: N815 - the CLI's own name
    cacheCreationTokens: float | None = None  # noqa: N815 - the CLI's own name
    thinkingTokens: float | None = None  # noqa: N815 - the CLI's own name
    factoryCredits: Any = None  # noqa: N815 - the CLI's own name


class TurnCompleted(Notification, kw_only=True):
    """agent_turn_completed: `reason` says how the turn ended."""

    reason: str | None = None
    turnId: Any = None  # noqa: N815 - the CLI's own name
    tokenUsage: TokenUsage | None = None  # noqa: N815 - the CLI's own name
    cumulativeTokenUsage: Any = None  # noqa: N815 - the CLI's own name
    childTokenUsage: Any = None  # noqa: N815 - the CLI's own name
    cumulativeChildTokenUsage: Any = None  # noqa: N815 - the CLI's own name
    durationMs: float | None = None  # noqa: N815 - the CLI's own name


class Retry(Notification, kw_only=True):
    """llm_retry: the model call will be made again."""

    attempt: float = 0
    reason: str | None = None
    maxAttempts: float | None = None  # noqa: N815 - the CLI's own name
    delayMs: float | None = None  # noqa: N815 - the CLI's own name


class Error(Notification, kw_only=True):
    """error: the provider's text and the kind of the error."""

    message: str = ""
    errorType: str | None = None  # noqa: N815 - the CLI's own name
    timestamp: Any = None
    error: Any = None


class Bookkeeping(OpenLine):
    """Notifications whose name says it all; `title` and `text` are shown if present."""

    title: Any = None
    text: Any = None


_NOTED = (
    "session_title_updated",
    "settings_updated",
    "mcp_status_changed",
    "session_token_usage_changed",
    # Not seen:
    "assistant_message_retracted",
    "structured_output",
    "session_compacted",
    "loop_state_changed",
    "session_working_directory_changed",
    "child_session_available",
    "mcp_auth_required",
    "mcp_auth_completed",
    "queued_messages_discarded",
    "hook_execution_started",
    "hook_execution_completed",
    "mission_state_changed",
    "mission_features_changed",
    "mission_progress_entry",
    "mission_heartbeat",
    "mission_worker_started",
    "mission_worker_completed",
)

NOTIFICATIONS = Family(
    {
        "assistant_text_delta": TextDelta,
        "thinking_text_delta": TextDelta,
        "assistant_text_complete": TextComplete,
        "thinking_text_complete": TextComplete,
        "create_message": CreateMessage,
        "tool_call": ToolCall,
        "tool_execution_phase_changed": ToolPhase,
        "tool_progress_update": ToolProgress,
        "tool_execution_heartbeat": ToolProgress,
        "tool_result": ToolResult,
        "permission_resolved": PermissionResolved,
        "droid_working_state_changed": StateChanged,
        "agent_turn_completed": TurnCompleted,
        "llm_retry": Retry,
        "error": Error,
        **dict.fromkeys(_NOTED, Bookkeeping),
    },
    prefix="notification/",
    ends=("agent_turn_completed",),
)
"""`params.notification`, by type."""


class AskedTool(Line):
    """One call in a permission request."""

    toolUse: ToolUse  # noqa: N815 - the CLI's own name
    confirmationType: Any = None  # noqa: N815 - the CLI's own name
    details: Any = None


class Option(Line):
    """One answer to a permission request."""

    value: str
    label: str = ""
    selectedColor: Any = None  # noqa: N815 - the CLI's own name
    selectedPrefix: Any = None  # noqa: N815 - the CLI's own name


class PermissionRequest(Line, tag_field="method", tag="droid.request_permission"):
    """droid.request_permission: may these calls run? One answer for all of them."""

    toolUses: list[AskedTool]  # noqa: N815 - the CLI's own name
    options: list[Option] | None = None
    sessionId: Any = None  # noqa: N815 - the CLI's own name


class AskUser(Line, tag_field="method", tag="droid.ask_user"):
    """droid.ask_user: questions of the agent to the user."""

    toolCallId: str | None = None  # noqa: N815 - the CLI's own name
    questions: Any = None
    sessionId: Any = None  # noqa: N815 - the CLI's own name


REQUESTS = Family(
    {"droid.request_permission": PermissionRequest, "droid.ask_user": AskUser},
    tag="method",
    prefix="request/",
)
"""The params of the CLI's requests, by method."""


class Settings(Line):
    """The session's settings; there are many more."""

    modelId: str | None = None  # noqa: N815 - the CLI's own name
    autonomyLevel: str | None = None  # noqa: N815 - the CLI's own name


class SessionOpened(Line):
    """The answer to droid.initialize_session and droid.load_session."""

    sessionId: str | None = None  # noqa: N815 - the CLI's own name
    settings: Any = None
