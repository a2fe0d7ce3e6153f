"""Claude Code's control protocol: requests both ways over the same two pipes.

Recorded from 2.1.197. `request_id` belongs to whoever asks; the answer repeats it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agent_runner.decoding.decode import Family, Line


class ControlRequest(Line, tag_field="type", tag="control_request"):
    """The CLI asks; it waits for a control_response with the same `request_id`."""

    request_id: str
    request: dict[str, Any] = msgspec.field(default_factory=dict)


class ControlAnswer(Line):
    """The answer to a request of ours: `subtype` is success or error."""

    subtype: str
    request_id: str | None = None
    response: Any = None
    error: Any = None
    pending_permission_requests: Any = None
    pending_user_dialog_requests: Any = None


class ControlResponse(Line, tag_field="type", tag="control_response"):
    """The CLI answers a request of ours."""

    response: ControlAnswer


class ControlCancelRequest(Line, tag_field="type", tag="control_cancel_request"):
    """The CLI no longer waits for the answer to its request."""

    request_id: str


class CanUseTool(Line, tag_field="subtype", tag="can_use_tool"):
    """May this tool run? `input` is what a permission answer may replace."""

    tool_name: str
    input: dict[str, Any]
    tool_use_id: str | None = None
    display_name: str | None = None
    title: str | None = None
    description: str | None = None
    permission_suggestions: Any = None
    blocked_path: Any = None
    decision_reason: Any = None
    decision_reason_type: Any = None
    classifier_approvable: Any = None
    agent_id: Any = None
    requires_user_interaction: Any = None


class HookCallback(Line, tag_field="subtype", tag="hook_callback"):
    """A hook that `initialize` registered has fired."""

    callback_id: Any = None
    input: Any = None
    tool_use_id: Any = None


class McpMessage(Line, tag_field="subtype", tag="mcp_message"):
    """A message for an MCP server inside the host; we never offer one (not seen)."""

    server_name: Any = None
    message: Any = None


class Elicitation(Line, tag_field="subtype", tag="elicitation"):
    """An MCP server asks the user something (not seen)."""

    mcp_server_name: Any = None
    message: Any = None
    mode: Any = None
    url: Any = None
    elicitation_id: Any = None
    requested_schema: Any = None


class UserDialog(Line, tag_field="subtype", tag="request_user_dialog"):
    """The CLI wants a dialog shown (not seen)."""

    dialog: Any = None
    payload: Any = None


REQUESTS = Family(
    {
        "can_use_tool": CanUseTool,
        "hook_callback": HookCallback,
        "mcp_message": McpMessage,
        "elicitation": Elicitation,
        "request_user_dialog": UserDialog,
    },
    tag="subtype",
    prefix="control_request/",
)
"""The `request` objects the CLI sends, by subtype."""
