"""Claude Code's `system` lines (all but `init`) to events; most are Notices."""

from __future__ import annotations

from typing import Any

from agent_runner.agents.claude import system_schema as s
from agent_runner.agents.claude.result import API_ERRORS
from agent_runner.agents.failures import code_for_status, short
from agent_runner.agents.slash_commands import command_names
from agent_runner.agents.unanswered import hook_words
from agent_runner.decoding.decode import plain, whole
from agent_runner.events.base import AgentEvent
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.session import SessionCommands
from agent_runner.events.usage import RetryScheduled
from conversation_store.codes import FailureCode


def system_events(line: s.System) -> list[AgentEvent]:
    """The events of one system line; the Notice's code is the CLI's own subtype."""
    if isinstance(line, s.Status):
        return [_status(line)]
    if isinstance(line, s.ThinkingTokens):
        tokens = whole(line.estimated_tokens)
        return [Activity(code="thinking_tokens", data={"estimatedTokens": tokens})]
    if isinstance(line, s.ApiRetry):
        return [_retry(line)]
    if isinstance(line, s.CompactBoundary):
        return [Notice(code="compact_boundary", data=_fields(metadata=line.compact_metadata))]
    if isinstance(line, s.Hook):
        return [_hook(line)]
    if isinstance(line, s.Task):
        return [_task(line)]
    if isinstance(line, s.SessionState):
        return [Activity(code="session_state", message=line.state[:80])]
    if isinstance(line, s.PermissionDenied):
        data = _fields(tool=line.tool_name, toolCallId=line.tool_use_id)
        return [Notice(code="permission_denied", message=short(line.message), data=data)]
    if isinstance(line, s.ModelRefusal):
        data = _fields(model=line.original_model, fallback=line.fallback_model)
        text = short(str(line.content or ""))
        return [Notice(code=line.subtype, level="warning", message=text, data=data)]
    if isinstance(line, s.Text):
        return [_text(line)]
    if isinstance(line, s.BackgroundTasks):
        return [Activity(code=line.subtype, data=_fields(tasks=line.tasks))]
    if isinstance(line, s.RequestProgress):
        return [Activity(code="control_request_progress")]
    if isinstance(line, s.Summary):
        text = short(str(line.summary or line.title or ""))
        return [Notice(code=line.subtype, level="debug", message=text)]
    if isinstance(line, s.CommandsChanged):
        return [SessionCommands(commands=command_names(line.commands))]
    if isinstance(line, s.WritesLost):
        return [Notice(code=line.subtype, level="warning", message=short(str(line.error or "")))]
    if isinstance(line, s.FilesPersisted):
        data = _fields(files=line.files, failed=line.failed)
        return [Notice(code=line.subtype, level="debug", data=data)]
    return [Notice(code=line.subtype, level="debug")]


def _status(line: s.Status) -> AgentEvent:
    data = _fields(permissionMode=line.permissionMode, compactResult=line.compact_result)
    if line.compact_error:
        text = short(str(line.compact_error))
        return Notice(code="compact_failed", level="warning", message=text, data=data)
    if line.status == "requesting" or (line.status is None and data is None):
        return Activity(code="status", message=line.status or "")
    return Notice(code="status", level="debug", message=short(line.status or ""), data=data)


def _retry(line: s.ApiRetry) -> RetryScheduled:
    code = code_for_status(line.error_status) or API_ERRORS.get(line.error or "")
    return RetryScheduled(
        attempt=whole(line.attempt) or 0,
        code=code or FailureCode.CONNECTION_FAILED,
        max_attempts=whole(line.max_retries),
        delay_ms=whole(line.retry_delay_ms),
        http_status=whole(line.error_status),
        message=line.error,
    )


def _hook(line: s.Hook) -> AgentEvent:
    if line.subtype == "hook_progress":
        return Activity(code="hook_progress", message=short(line.hook_name))
    bad = line.outcome == "error"
    return Notice(
        code=line.subtype,
        level="warning" if bad else "debug",
        message=short(line.hook_name),
        data=_fields(outcome=line.outcome, exitCode=line.exit_code),
    )


def _task(line: s.Task) -> AgentEvent:
    data = _fields(
        taskId=line.task_id,
        toolCallId=line.tool_use_id,
        taskType=line.task_type,
        status=line.status,
        usage=line.usage,
        patch=line.patch,
    )
    text = short(line.summary or line.description or "")
    if line.subtype == "task_progress":
        return Activity(code=line.subtype, message=text, data=data)
    return Notice(code=line.subtype, message=text, data=data)


def refusal_words(line: s.Text) -> str | None:
    """What a hook said that did not let the prompt through; None of any other line."""
    text = line.content if isinstance(line.content, str) else ""
    if line.prevent_continuation or line.preventContinuation or line.prompt_submit_outcome:
        return short(text.partition("\n\nOriginal prompt: ")[0]) or "a hook stopped the turn"
    return hook_words(text)


def _text(line: s.Text) -> Notice:
    text = line.content or line.text or line.error or line.reason or line.status or ""
    bad = line.subtype == "mirror_error" or line.error or line.level in ("error", "warning")
    return Notice(code=line.subtype, level="warning" if bad else "info", message=short(str(text)))


def _fields(**fields: Any) -> dict[str, Any] | None:
    """The fields that say something, fit for JSON."""
    kept = {name: plain(value) for name, value in fields.items() if value is not None}
    return kept or None
