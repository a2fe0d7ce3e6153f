"""Codex CLI's app-server: its notifications and requests, of which we declare what we read.

Recorded from 0.171.0; "not seen" is from `codex app-server generate-ts`. A message is JSON-RPC
without the member `jsonrpc`. A thread is a session; its items are what the agent says and does.
"""

# ruff: noqa: N815 - the CLI's own names

from __future__ import annotations

from typing import Any

from msgspec import field

from agent_runner.decoding.decode import Family, OpenLine


class Item(OpenLine):
    """An item, by `type`.

    userMessage {clientId}, agentMessage {text}, reasoning {summary, content}, commandExecution
    {command, cwd, status, aggregatedOutput, exitCode}, fileChange {changes, status}, mcpToolCall
    {server, tool, arguments, status, result, error}, webSearch {query}; not seen: plan, hookPrompt,
    dynamicToolCall, collabAgentToolCall, imageView and others. A `status` is inProgress,
    completed, failed or declined.
    """

    id: str
    type: str
    text: str | None = None
    clientId: str | None = None
    summary: list[str] | None = None
    content: Any = None
    command: str | None = None
    cwd: str | None = None
    status: str | None = None
    aggregatedOutput: str | None = None
    exitCode: float | None = None
    changes: list[dict[str, Any]] | None = None
    server: str | None = None
    tool: str | None = None
    arguments: Any = None
    result: Any = None
    error: Any = None
    query: Any = None
    path: str | None = None


class TurnError(OpenLine):
    """Why a turn failed; `codexErrorInfo` is a word, or {word: {httpStatusCode}}."""

    message: str = ""
    codexErrorInfo: Any = None
    additionalDetails: str | None = None


class Turn(OpenLine):
    """A turn; `status` is inProgress, completed, interrupted or failed."""

    id: str | None = None
    status: str | None = None
    error: TurnError | None = None
    durationMs: float | None = None


class Note(OpenLine):
    """What every notification has; a helper has a thread of its own."""

    method: Any = None
    threadId: str | None = None
    turnId: str | None = None


class TurnNote(Note, kw_only=True):
    """turn/started, turn/completed."""

    turn: Turn


class ItemNote(Note, kw_only=True):
    """item/started, item/completed."""

    item: Item


class DeltaNote(Note, kw_only=True):
    """More of a message, of a thought or of what a command prints."""

    itemId: str
    delta: str
    summaryIndex: float | None = None


class ErrorNote(Note, kw_only=True):
    """The model's API failed."""

    error: TurnError
    willRetry: bool | None = None


class Tokens(OpenLine):
    """Counts of tokens; the input has the cached ones in it."""

    inputTokens: float | None = None
    cachedInputTokens: float | None = None
    cacheWriteInputTokens: float | None = None
    outputTokens: float | None = None
    reasoningOutputTokens: float | None = None


class TokenUsage(OpenLine):
    """What the last call of the model has used; there is a total of the thread as well."""

    last: Tokens | None = None


class UsageNote(Note, kw_only=True):
    """thread/tokenUsage/updated: after each call of the model."""

    tokenUsage: TokenUsage


class WarningNote(Note, kw_only=True):
    """warning, configWarning and the like."""

    message: str | None = None
    summary: str | None = None


class ResolvedNote(Note, kw_only=True):
    """serverRequest/resolved: a request of the server's needs no answer any more, or has one."""

    requestId: str | int


NOTES = Family(
    {
        "turn/started": TurnNote,
        "turn/completed": TurnNote,
        "item/started": ItemNote,
        "item/completed": ItemNote,
        "item/agentMessage/delta": DeltaNote,
        "item/reasoning/summaryTextDelta": DeltaNote,
        "item/reasoning/textDelta": DeltaNote,
        "item/commandExecution/outputDelta": DeltaNote,
        "error": ErrorNote,
        "thread/tokenUsage/updated": UsageNote,
        "warning": WarningNote,
        "guardianWarning": WarningNote,
        "configWarning": WarningNote,
        "deprecationNotice": WarningNote,
        "serverRequest/resolved": ResolvedNote,
    },
    tag="method",
    ends=("turn/completed",),
)

QUIET = (
    *("thread/", "turn/", "item/", "account/", "remoteControl/", "mcpServer/", "hook/", "app/"),
    *(
        "skills/",
        "model/",
        "modelProvider/",
        "rawResponse",
        "project/",
        "fs/",
        "externalAgentConfig/",
    ),
)
"""Beginnings of the methods that are signs of life to us."""


class Request(OpenLine):
    """What every request has."""

    method: Any = None
    itemId: str = ""
    reason: str | None = None


class CommandApproval(Request, kw_only=True):
    """item/commandExecution/requestApproval: may this command run, as it wants to?"""

    command: str | None = None
    cwd: str | None = None
    networkApprovalContext: Any = None
    additionalPermissions: Any = None


class PatchApproval(Request, kw_only=True):
    """item/fileChange/requestApproval: may the item's files be changed?"""

    grantRoot: str | None = None


class Permissions(Request, kw_only=True):
    """item/permissions/requestApproval: may the turn have more permissions? Not seen."""

    permissions: dict[str, Any] = field(default_factory=dict)


class Questions(Request, kw_only=True):
    """item/tool/requestUserInput: questions of the model's."""

    questions: list[dict[str, Any]] = field(default_factory=list)


class Elicitation(Request, kw_only=True):
    """mcpServer/elicitation/request: may an MCP tool run? Or its server wants to know something.

    `meta` is `_meta`: {tool_name, tool_params, persist}, if it is about a tool.
    """

    serverName: str = ""
    message: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


REQUESTS = Family(
    {
        "item/commandExecution/requestApproval": CommandApproval,
        "item/fileChange/requestApproval": PatchApproval,
        "item/permissions/requestApproval": Permissions,
        "item/tool/requestUserInput": Questions,
        "mcpServer/elicitation/request": Elicitation,
    },
    tag="method",
)
