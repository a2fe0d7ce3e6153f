"""The Agent Client Protocol over JSON-RPC 2.0, one object per line.

Recorded from Gemini CLI 0.61.0; updates marked "not seen" are from the protocol's schema.
"""

from __future__ import annotations

from typing import Any

from agent_runner.decoding.decode import Family, Line


class Update(Line):
    """What every session/update has."""

    sessionUpdate: Any = None  # noqa: N815 - the protocol's own name


class Content(Line):
    """A content block: text, image, audio, resource_link, resource."""

    type: str | None = None
    text: str | None = None
    data: Any = None
    mimeType: Any = None  # noqa: N815 - the protocol's own name
    uri: Any = None
    name: Any = None
    resource: Any = None
    annotations: Any = None


class Chunk(Update, kw_only=True):
    """More of the agent's message or thought, or of the user's when history is replayed."""

    content: Content
    messageId: Any = None  # noqa: N815 - the protocol's own name
    _meta: Any = None


class ToolContent(Line):
    """What a tool call shows: `content`, a `diff` of one file, or a `terminal`."""

    type: str | None = None
    content: Content | None = None
    path: str | None = None
    oldText: str | None = None  # noqa: N815 - the protocol's own name
    newText: Any = None  # noqa: N815 - the protocol's own name
    terminalId: Any = None  # noqa: N815 - the protocol's own name
    kind: Any = None
    _meta: Any = None


class Location(Line):
    """A file a tool call works on."""

    path: str
    line: Any = None


class ToolCall(Update, kw_only=True):
    """tool_call, tool_call_update and the call in a permission request; all but the id may lack."""

    toolCallId: str  # noqa: N815 - the protocol's own name
    title: str | None = None
    kind: str | None = None
    status: str | None = None
    content: list[ToolContent] | None = None
    locations: list[Location] | None = None
    rawInput: Any = None  # noqa: N815 - the protocol's own name
    rawOutput: Any = None  # noqa: N815 - the protocol's own name
    _meta: Any = None


class Plan(Update, kw_only=True):
    """The agent's plan (not seen)."""

    entries: Any = None


class Commands(Update, kw_only=True):
    """The slash commands there are."""

    availableCommands: Any = None  # noqa: N815 - the protocol's own name


class ModeUpdate(Update, kw_only=True):
    """The session's mode is another now (not seen)."""

    currentModeId: str | None = None  # noqa: N815 - the protocol's own name


class ConfigUpdate(Update, kw_only=True):
    """config_option_update (not seen)."""

    configOptions: Any = None  # noqa: N815 - the protocol's own name


class InfoUpdate(Update, kw_only=True):
    """session_info_update (not seen)."""

    title: Any = None
    updatedAt: Any = None  # noqa: N815 - the protocol's own name


class UsageUpdate(Update, kw_only=True):
    """usage_update: how full the context is and what it cost (not seen)."""

    used: float | None = None
    size: float | None = None
    cost: Any = None


UPDATES = Family(
    {
        "agent_message_chunk": Chunk,
        "agent_thought_chunk": Chunk,
        "user_message_chunk": Chunk,
        "tool_call": ToolCall,
        "tool_call_update": ToolCall,
        "plan": Plan,
        "available_commands_update": Commands,
        "current_mode_update": ModeUpdate,
        "config_option_update": ConfigUpdate,
        "session_info_update": InfoUpdate,
        "usage_update": UsageUpdate,
    },
    tag="sessionUpdate",
    prefix="session/update/",
)
"""The `update` of a session/update notification."""


class Option(Line):
    """One answer to a permission request."""

    optionId: str  # noqa: N815 - the protocol's own name
    name: str = ""
    kind: str = ""
    _meta: Any = None


class PermissionRequest(Line, tag_field="method", tag="session/request_permission"):
    """session/request_permission: may this tool call run?"""

    toolCall: ToolCall  # noqa: N815 - the protocol's own name
    options: list[Option] | None = None
    sessionId: Any = None  # noqa: N815 - the protocol's own name
    _meta: Any = None


REQUESTS = Family(
    {"session/request_permission": PermissionRequest}, tag="method", prefix="request/"
)
"""The params of the agent's requests, by method."""


class Mode(Line):
    """A mode a session can be in."""

    id: str
    name: Any = None
    description: Any = None


class Modes(Line):
    """The modes there are."""

    availableModes: list[Mode] | None = None  # noqa: N815 - the protocol's own name
    currentModeId: str | None = None  # noqa: N815 - the protocol's own name


class Models(Line):
    """The models there are."""

    currentModelId: str | None = None  # noqa: N815 - the protocol's own name
    availableModels: Any = None  # noqa: N815 - the protocol's own name


class AgentInfo(Line):
    """The agent's name and version."""

    name: str | None = None
    title: Any = None
    version: str | None = None


class Capabilities(Line):
    """What the agent can do."""

    loadSession: bool = False  # noqa: N815 - the protocol's own name
    promptCapabilities: Any = None  # noqa: N815 - the protocol's own name
    mcpCapabilities: Any = None  # noqa: N815 - the protocol's own name
    sessionCapabilities: Any = None  # noqa: N815 - the protocol's own name
    auth: Any = None
    _meta: Any = None


class Initialized(Line, tag_field="method", tag="initialize"):
    """The answer to initialize."""

    agentCapabilities: Capabilities | None = None  # noqa: N815 - the protocol's own name
    agentInfo: AgentInfo | None = None  # noqa: N815 - the protocol's own name
    protocolVersion: Any = None  # noqa: N815 - the protocol's own name
    authMethods: Any = None  # noqa: N815 - the protocol's own name
    _meta: Any = None


class SessionOpened(Line):
    """The answer to session/new (with an id) and session/load (without)."""

    method: Any = None
    sessionId: str | None = None  # noqa: N815 - the protocol's own name
    modes: Modes | None = None
    models: Models | None = None
    configOptions: Any = None  # noqa: N815 - the protocol's own name
    _meta: Any = None


class PromptEnded(Line, tag_field="method", tag="session/prompt"):
    """The answer to session/prompt."""

    stopReason: str | None = None  # noqa: N815 - the protocol's own name
    usage: Any = None
    userMessageId: Any = None  # noqa: N815 - the protocol's own name
    _meta: Any = None


ANSWERS = Family(
    {
        "initialize": Initialized,
        "session/new": SessionOpened,
        "session/load": SessionOpened,
        "session/prompt": PromptEnded,
    },
    tag="method",
    prefix="answer/",
)
"""The results of our requests, by the method asked."""
