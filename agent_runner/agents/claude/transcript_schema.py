"""The lines of Claude Code's transcript, `projects/<cwd>/<session id>.jsonl`.

Recorded from 2.1.197 and 2.1.332. The messages are those of stream-json; around them stand
the CLI's own names. Further types (`mode`, `attachment`, `api-request`, `last-prompt`, ...)
keep the CLI's own books.
"""

# ruff: noqa: N815 - the CLI's own names

from __future__ import annotations

from typing import Any

from agent_runner.agents.claude.schema import ApiMessage, UserMessage
from agent_runner.decoding.decode import Family, OpenLine


class Entry(OpenLine):
    """What the lines of a conversation have in common."""

    sessionId: str | None = None
    version: str | None = None
    cwd: str | None = None
    isSidechain: bool | None = None


class Assistant(Entry, kw_only=True):
    """One content block of an answer; `error` and its status for a failed model call."""

    message: ApiMessage
    error: str | None = None
    apiErrorStatus: float | None = None
    isApiErrorMessage: bool | None = None


class User(Entry, kw_only=True):
    """A prompt (`origin`), a tool's result, or what the CLI tells its model (`isMeta`).

    `promptId` is that of the prompt whose turn it belongs to, as its hooks have it.
    """

    message: UserMessage
    promptId: str | None = None
    toolUseResult: Any = None
    isMeta: bool | None = None
    origin: Any = None


class System(Entry):
    """`turn_duration` ends a turn that ended well, after every Stop hook."""

    subtype: str | None = None
    content: Any = None
    level: str | None = None
    durationMs: float | None = None


LINES = Family({"assistant": Assistant, "user": User, "system": System})
