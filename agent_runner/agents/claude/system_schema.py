"""Claude Code's `system` lines by subtype; recorded from 2.1.197 unless marked."""

from __future__ import annotations

from typing import Any

from agent_runner.decoding.decode import Line


class System(Line):
    """What every system line has."""

    subtype: str
    type: Any = None
    uuid: Any = None
    session_id: str | None = None


class Init(System):
    """The session's state; printed anew at every user turn, never before the first one."""

    cwd: str | None = None
    model: str | None = None
    tools: list[str] | None = None
    mcp_servers: list[dict[str, Any]] | None = None
    permissionMode: str | None = None  # noqa: N815 - the CLI's own name
    claude_code_version: str | None = None
    slash_commands: Any = None
    apiKeySource: Any = None  # noqa: N815 - the CLI's own name
    output_style: Any = None
    agents: Any = None
    skills: Any = None
    plugins: Any = None
    analytics_disabled: Any = None
    product_feedback_disabled: Any = None
    memory_paths: Any = None
    fast_mode_state: Any = None
    betas: Any = None
    capabilities: Any = None
    terminal_slash_commands: Any = None
    served_by_anthropic: Any = None
    additional_directories: Any = None
    fast_mode_disabled_reason: Any = None
    messaging_socket_path: Any = None
    original_cwd: Any = None
    per_turn_effort_active: Any = None
    ultrathink_available: Any = None
    ultrathink_typed_raises: Any = None
    view_mode: Any = None
    sandbox_enabled: Any = None
    user_message_uuid: Any = None
    user_message_uuids: Any = None


class Status(System):
    """`status`: requesting (with partial messages only), compacting, or null."""

    status: str | None = None
    permissionMode: str | None = None  # noqa: N815 - the CLI's own name
    compact_result: Any = None
    compact_error: Any = None
    user_message_uuid: Any = None
    user_message_uuids: Any = None


class ThinkingTokens(System):
    """How much the model has thought so far."""

    estimated_tokens: float | None = None
    estimated_tokens_delta: Any = None


class ApiRetry(System):
    """A model call failed and will be made again after `retry_delay_ms` (a float)."""

    attempt: float = 0
    max_retries: float | None = None
    retry_delay_ms: float | None = None
    error_status: float | None = None
    error: str | None = None


class CompactBoundary(System):
    """The history before this line was summarised."""

    compact_metadata: Any = None
    logical_parent_uuid: Any = None


class Hook(System):
    """hook_started, hook_response, and hook_progress (not seen)."""

    hook_id: Any = None
    hook_name: str = ""
    hook_event: Any = None
    output: Any = None
    stdout: Any = None
    stderr: Any = None
    exit_code: Any = None
    outcome: str | None = None


class Task(System):
    """task_started, task_progress, task_updated, task_notification.

    Also for an ordinary foreground command that runs some seconds.
    """

    task_id: str = ""
    tool_use_id: str | None = None
    description: str | None = None
    task_type: Any = None
    subagent_type: Any = None
    prompt: Any = None
    usage: Any = None
    last_tool_name: Any = None
    patch: Any = None
    status: str | None = None
    output_file: Any = None
    summary: str | None = None
    workflow_name: Any = None
    skip_transcript: Any = None
    is_backgrounded: Any = None
    run_id: Any = None
    spawn_depth: Any = None
    summary_is_report: Any = None


class SessionState(System):
    """idle, running or requires_action; only when asked for by an environment variable."""

    state: str = ""


class PermissionDenied(System):
    """A tool call was refused by a rule (not seen)."""

    tool_name: str = ""
    tool_use_id: str | None = None
    message: str = ""
    agent_id: Any = None
    decision_reason: Any = None
    decision_reason_type: Any = None


class ModelRefusal(System):
    """model_refusal_fallback and model_refusal_no_fallback (not seen)."""

    original_model: str | None = None
    fallback_model: str | None = None
    trigger: Any = None
    direction: Any = None
    request_id: Any = None
    content: Any = None
    api_refusal_category: Any = None
    api_refusal_explanation: Any = None
    refused_user_message_uuid: Any = None


class Text(System):
    """local_command_output, notification, informational, mirror_error, ... (not seen).

    The text is in one of three fields. A prompt that a hook refuses is `informational`, with
    `prevent_continuation` or a `prompt_submit_outcome`: {kind: blocked_by_hook, ...}.
    """

    content: Any = None
    text: Any = None
    error: Any = None
    level: Any = None
    key: Any = None
    priority: Any = None
    color: Any = None
    timeout_ms: Any = None
    tool_use_id: Any = None
    prevent_continuation: Any = None
    preventContinuation: Any = None  # noqa: N815 - the CLI's own name
    prompt_submit_outcome: Any = None
    tag: Any = None
    reason: Any = None
    status: Any = None
    name: Any = None


class FilesPersisted(System):
    """Files were uploaded (not seen)."""

    files: Any = None
    failed: Any = None
    processed_at: Any = None


class MemoryRecall(System):
    """Memories were read (not seen)."""

    mode: Any = None
    memories: Any = None


class ElicitationComplete(System):
    """An MCP server's question was answered (not seen)."""

    mcp_server_name: Any = None
    elicitation_id: Any = None


class CommandsChanged(System):
    """The slash commands are others now (not seen)."""

    commands: Any = None


class Summary(System):
    """post_turn_summary, task_summary (strings only, not seen)."""

    summary: Any = None
    title: Any = None
    detail: Any = None


class BackgroundTasks(System):
    """background_tasks_changed: all that is left to do, by 2.1.329."""

    tasks: Any = None


class RequestProgress(System):
    """control_request_progress, of 2.1.329's types (not seen)."""

    request_id: Any = None
    progress: Any = None


class WritesLost(System):
    """session_writes_lost, of 2.1.329's types: the transcript is incomplete (not seen)."""

    error: Any = None
    count: Any = None


SYSTEM: dict[str, type[Line]] = {
    "init": Init,
    "status": Status,
    "thinking_tokens": ThinkingTokens,
    "api_retry": ApiRetry,
    "compact_boundary": CompactBoundary,
    "hook_started": Hook,
    "hook_progress": Hook,
    "hook_response": Hook,
    "task_started": Task,
    "task_progress": Task,
    "task_updated": Task,
    "task_notification": Task,
    "session_state_changed": SessionState,
    "permission_denied": PermissionDenied,
    "model_refusal_fallback": ModelRefusal,
    "model_refusal_no_fallback": ModelRefusal,
    "local_command_output": Text,
    "notification": Text,
    "informational": Text,
    "mirror_error": Text,
    "plugin_install": Text,
    "worker_shutting_down": Text,
    "files_persisted": FilesPersisted,
    "memory_recall": MemoryRecall,
    "elicitation_complete": ElicitationComplete,
    "commands_changed": CommandsChanged,
    "post_turn_summary": Summary,
    "task_summary": Summary,
    "background_tasks_changed": BackgroundTasks,
    "control_request_progress": RequestProgress,
    "session_writes_lost": WritesLost,
}
