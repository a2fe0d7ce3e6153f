"""A CLI's questions and the answers to them."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from agent_runner.events.base import AgentEvent


class PermissionOption(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One of the answers the CLI offers; `kind` is ACP's allow_once, reject_once, ..."""

    option_id: str
    name: str
    kind: str


class PermissionRequested(AgentEvent, frozen=True, kw_only=True, tag="permission.requested"):
    """The CLI asks whether it may run a tool and waits for the answer.

    A `question` wants to know something, a `plan` is to be agreed to; a `tool` is a
    supervised tool that asks for itself. `tool_kind` is ACP's: read, edit, execute, ...
    """

    deed: ClassVar[bool] = True
    fruit: ClassVar[bool] = True
    work: ClassVar[bool] = True
    request_id: str
    name: str
    input: dict[str, Any]
    tool_call_id: str | None = None
    title: str | None = None
    options: list[PermissionOption] = msgspec.field(default_factory=list)
    kind: Literal["permission", "question", "plan", "tool"] = "permission"
    tool_kind: str | None = None


class PermissionResolved(AgentEvent, frozen=True, kw_only=True, tag="permission.resolved"):
    """The question was answered: by whom, and how.

    `decided_by` is `policy` (then `rule` says which), `grant` (an approval from before the
    CLI was started again), `session` (this was allowed for the CLI's session before), `human`,
    `expiry`, or `cli` and `exit` for one that was cancelled.
    """

    request_id: str
    decision: Literal["allow", "deny", "cancelled"]
    decided_by: str
    message: str | None = None
    rule: str | None = None
    approval_id: str | None = None
