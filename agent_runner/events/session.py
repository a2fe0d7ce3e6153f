"""A CLI's session, and the warm process that holds it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from agent_runner.events.base import AgentEvent


class SessionWarning(AgentEvent, frozen=True, kw_only=True, tag="session.warning"):
    """The conversation's warm process will end soon, unless a prompt comes (`idle_closed`)."""

    reason: Literal["idle_closed", "lifetime_closed"]
    closes_in_ms: int
    pid: int


class SessionClosed(AgentEvent, frozen=True, kw_only=True, tag="session.closed"):
    """The conversation's warm process was ended; the next prompt resumes in a new one."""

    reason: Literal["idle_closed", "lifetime_closed", "evicted", "low_memory"]
    pid: int


class SessionQuarantined(AgentEvent, frozen=True, kw_only=True, tag="session.quarantined"):
    """The CLI could not go on with its session; a new one is started.

    It is told the `history_turns` last messages of the conversation, and knows nothing else of it.
    """

    fruit: ClassVar[bool] = True
    session_id: str
    attempts: int
    error: str | None = None
    history_turns: int = 0


class SessionContinued(AgentEvent, frozen=True, kw_only=True, tag="session.continued_elsewhere"):
    """Somebody went on with the CLI's session by hand; what was said there is in `turn_ids`.

    Those turns of the conversation belong to no run. The next prompt goes to a new process, which
    knows them.
    """

    session_id: str
    turn_ids: list[str]


class SessionStarted(AgentEvent, frozen=True, kw_only=True, tag="session.started"):
    """The CLI opened or resumed its own session. `commands` are its slash commands."""

    recovered: ClassVar[bool] = True
    session_id: str
    model: str | None = None
    cwd: str | None = None
    cli_version: str | None = None
    permission_mode: str | None = None
    tools: list[str] | None = None
    mcp_servers: list[dict[str, Any]] | None = None
    commands: list[str] | None = None


class SessionCommands(AgentEvent, frozen=True, kw_only=True, tag="session.commands"):
    """The CLI's slash commands are these from now on, each without its slash."""

    commands: list[str]


class PromptTaken(AgentEvent, frozen=True, kw_only=True, tag="prompt.taken"):
    """A prompt that was given into the running turn is a part of it now, or (not `taken`) is not.

    They come in the order in which the prompts were given.
    """

    taken: bool
    reason: str | None = None


class PermissionModeChanged(AgentEvent, frozen=True, kw_only=True, tag="permission.mode"):
    """The CLI's permission mode is another one from now on: a plan was agreed to, say.

    `mode` and `before` are the CLI's own words. It holds until the process ends.
    """

    mode: str
    before: str | None = None
