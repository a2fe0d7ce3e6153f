"""Claude Code's stream-json lines, recorded from 2.1.197 and 2.1.332.

Types marked "not seen" come from the CLI's type definitions or strings. A field that the
adapter reads has a type; a field that is only bookkeeping is `Any`, so that its change
cannot cost us a message. Key order means nothing: a result may not begin with `type`.
All lines but `control_*` and `keep_alive` carry `uuid` and `session_id`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agent_runner.agents.claude.control_schema import (
    ControlCancelRequest,
    ControlRequest,
    ControlResponse,
)
from agent_runner.agents.claude.system_schema import SYSTEM
from agent_runner.decoding.decode import Family, Line


class Tokens(Line):
    """`usage` of a result (one turn's totals) and of a message (so far)."""

    input_tokens: float | None = None
    output_tokens: float | None = None
    cache_read_input_tokens: float | None = None
    cache_creation_input_tokens: float | None = None
    cache_creation: Any = None
    output_tokens_details: dict[str, Any] | None = None
    server_tool_use: Any = None
    service_tier: Any = None
    inference_geo: Any = None
    iterations: Any = None
    speed: Any = None
    fallback_credit: Any = None


class Block(Line):
    """A content block of any type: text, thinking, tool_use, tool_result, image, ...

    One loose type, for a block's `type` decides at the mapping which fields count.
    """

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: Any = None
    data: Any = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    content: Any = None
    is_error: bool | None = None
    source: Any = None
    title: Any = None
    citations: Any = None
    cache_control: Any = None
    caller: Any = None
    server_name: Any = None


class ApiMessage(Line):
    """The API message around one content block.

    `stop_reason` is null and `usage` that of the message's start: take totals from the result.
    """

    content: list[Block]
    id: str | None = None
    type: Any = None
    role: Any = None
    model: str | None = None
    stop_reason: Any = None
    stop_sequence: Any = None
    stop_details: Any = None
    usage: Any = None
    context_management: Any = None
    container: Any = None
    diagnostics: Any = None


class Assistant(Line, tag_field="type", tag="assistant"):
    """One content block of an answer; the lines of one API message share `message.id`.

    `error`, seen: authentication_failed, rate_limit, server_error, invalid_request,
    model_not_found, billing_error, unknown; not seen: oauth_org_not_allowed,
    max_output_tokens.
    """

    message: ApiMessage
    uuid: Any = None
    session_id: str | None = None
    parent_tool_use_id: str | None = None
    error: str | None = None
    request_id: Any = None
    subagent_type: Any = None
    task_description: Any = None
    supersedes: Any = None
    timestamp: Any = None
    aborted: Any = None
    agent_id: Any = None
    api_error: Any = None
    api_error_params: Any = None
    api_error_status: Any = None
    api_error_type: Any = None
    is_api_error_message: Any = None
    refused_message_id: Any = None
    refusal_retry: Any = None
    tool_use_meta: Any = None
    thinking_display: Any = None
    thinking_duration_ms: Any = None
    user_message_uuid: Any = None
    user_message_uuids: Any = None


class UserMessage(Line):
    """What the model is told: a tool's result, an interruption, a replayed prompt."""

    content: str | list[Block]
    role: Any = None


class User(Line, tag_field="type", tag="user"):
    """A user line. `tool_use_result` is an object, or the text "Error: ..."."""

    message: UserMessage
    uuid: Any = None
    session_id: str | None = None
    parent_tool_use_id: str | None = None
    timestamp: Any = None
    tool_use_result: Any = None
    isSynthetic: Any = None  # noqa: N815 - the CLI's own name
    isReplay: Any = None  # noqa: N815 - the CLI's own name
    subagent_type: Any = None
    task_description: Any = None
    origin: Any = None
    priority: Any = None
    shouldQuery: Any = None  # noqa: N815 - the CLI's own name
    tool_result_meta: Any = None
    agent_id: Any = None
    refused_message_id: Any = None
    refusal_retry: Any = None


class Origin(Line):
    """Who began a turn: `task-notification` is the CLI itself."""

    kind: str | None = None
    source: Any = None
    server: Any = None
    producer: Any = None
    runId: Any = None  # noqa: N815 - the CLI's own name


class Result(Line, tag_field="type", tag="result"):
    """A turn's end, of every subtype.

    Subtypes: success (also for API errors, with `is_error`), error_during_execution,
    error_max_turns, error_max_budget_usd, error_max_structured_output_retries. `usage` is
    of the turn; `total_cost_usd`, `modelUsage` and `duration_api_ms` grow with the process.
    Not dispatched by subtype: a new one must still end its turn.
    """

    subtype: str | None = None
    is_error: bool | None = None
    result: str | None = None
    errors: list[Any] | None = None
    uuid: Any = None
    session_id: str | None = None
    api_error_status: float | None = None
    duration_ms: float | None = None
    duration_api_ms: Any = None
    ttft_ms: Any = None
    ttft_stream_ms: Any = None
    time_to_request_ms: Any = None
    num_turns: float | None = None
    stop_reason: str | None = None
    total_cost_usd: float | None = None
    usage: Tokens | None = None
    modelUsage: dict[str, Any] | None = None  # noqa: N815 - the CLI's own name
    first_request_input_tokens: Any = None
    first_request_cache_read_input_tokens: Any = None
    request_sent_wall_ms: Any = None
    user_message_uuid: Any = None
    user_message_uuids: Any = None
    permission_denials: Any = None
    terminal_reason: str | None = None
    fast_mode_state: Any = None
    structured_output: Any = None
    origin: Origin | None = None
    fast_mode_disabled_reason: Any = None
    first_content_frame_ms: Any = None
    model_usage_since_last_result: Any = None
    queued_turn_count: Any = None
    begun_message_ids: Any = None
    result_index: Any = None
    api_error: Any = None
    api_error_type: Any = None
    local_command: Any = None
    safety_stops: Any = None
    subagent_stats: Any = None


class StreamEvent(Line, tag_field="type", tag="stream_event"):
    """An event of the model API as it arrives; only with --include-partial-messages."""

    event: msgspec.Raw
    uuid: Any = None
    session_id: Any = None
    parent_tool_use_id: str | None = None
    ttft_ms: Any = None
    api_message_id: Any = None
    thinking_display: Any = None
    abandoned_blocks: Any = None
    owed_rows: Any = None
    user_message_uuid: Any = None
    user_message_uuids: Any = None


class RateLimitInfo(Line):
    """`resetsAt` is Unix seconds; `status` is allowed, allowed_warning or rejected."""

    status: str
    resetsAt: float | None = None  # noqa: N815 - the CLI's own name
    rateLimitType: str | None = None  # noqa: N815 - the CLI's own name
    utilization: float | None = None
    isUsingOverage: Any = None  # noqa: N815 - the CLI's own name
    overageStatus: Any = None  # noqa: N815 - the CLI's own name
    overageResetsAt: Any = None  # noqa: N815 - the CLI's own name
    overageDisabledReason: Any = None  # noqa: N815 - the CLI's own name
    surpassedThreshold: Any = None  # noqa: N815 - the CLI's own name


class RateLimitEvent(Line, tag_field="type", tag="rate_limit_event"):
    """The account's limits changed state; seen with a subscription, not with an API key."""

    rate_limit_info: RateLimitInfo
    uuid: Any = None
    session_id: Any = None


class ToolProgressLine(Line, tag_field="type", tag="tool_progress"):
    """A long tool still runs (not seen)."""

    tool_use_id: str
    tool_name: Any = None
    parent_tool_use_id: Any = None
    elapsed_time_seconds: float | None = None
    task_id: Any = None
    uuid: Any = None
    session_id: Any = None


class AuthStatus(Line, tag_field="type", tag="auth_status"):
    """A login is under way (not seen)."""

    isAuthenticating: Any = None  # noqa: N815 - the CLI's own name
    output: Any = None
    error: str | None = None
    uuid: Any = None
    session_id: Any = None


class ToolUseSummary(Line, tag_field="type", tag="tool_use_summary"):
    """A summary of some tool calls (not seen)."""

    summary: str = ""
    preceding_tool_use_ids: Any = None
    uuid: Any = None
    session_id: Any = None


class PromptSuggestion(Line, tag_field="type", tag="prompt_suggestion"):
    """A prompt the user might send next (not seen)."""

    suggestion: str = ""
    uuid: Any = None
    session_id: Any = None


class Bookkeeping(Line):
    """Lines with nothing for a reader: only their type is reported (not seen)."""

    uuid: Any = None
    session_id: Any = None


class TranscriptMirror(Bookkeeping, tag_field="type", tag="transcript_mirror"):
    """`transcript_mirror`: entries for a remote transcript."""

    filePath: Any = None  # noqa: N815 - the CLI's own name
    entries: Any = None


class KeepAlive(Bookkeeping, tag_field="type", tag="keep_alive"):
    """`keep_alive`: sign of life."""


class ConversationReset(Bookkeeping, tag_field="type", tag="conversation_reset"):
    """`conversation_reset`: the history was cleared."""


class ActiveGoal(Bookkeeping, tag_field="type", tag="active_goal"):
    """`active_goal`, of 2.1.329's types."""

    goal: Any = None


class CommandLifecycle(Line, tag_field="type", tag="command_lifecycle"):
    """What became of a prompt that has a `uuid`: queued, started, completed, cancelled, ..."""

    command_uuid: str
    state: str
    uuid: Any = None
    session_id: Any = None


LINES = Family(
    {
        "assistant": Assistant,
        "user": User,
        "result": Result,
        "stream_event": StreamEvent,
        "system": SYSTEM,
        "rate_limit_event": RateLimitEvent,
        "control_request": ControlRequest,
        "control_response": ControlResponse,
        "control_cancel_request": ControlCancelRequest,
        "tool_progress": ToolProgressLine,
        "auth_status": AuthStatus,
        "tool_use_summary": ToolUseSummary,
        "prompt_suggestion": PromptSuggestion,
        "transcript_mirror": TranscriptMirror,
        "keep_alive": KeepAlive,
        "conversation_reset": ConversationReset,
        "active_goal": ActiveGoal,
        "command_lifecycle": CommandLifecycle,
    },
    ends=("result",),
)
