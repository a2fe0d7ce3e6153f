"""Who listens to a CLI's turn and rules on its questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from agent_runner.agents.base import PermissionAnswer
from agent_runner.events import AgentEvent, PermissionRequested


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a question, who gave it, and the rule of the policy that it follows."""

    answer: PermissionAnswer
    decided_by: str
    rule: str | None = None
    approval_id: str | None = None


class Sink(Protocol):
    """Takes a run's events and rules on its CLI's questions; waiting in it holds the CLI back."""

    async def emit(self, events: Sequence[AgentEvent], *, last: bool = False) -> None:
        """Take events, in order; `last` if the turn's verdict comes with them."""
        ...

    async def rule(self, question: PermissionRequested) -> Resolution | None:
        """The answer, if it is known; None if somebody is asked, and `LiveCli.answer` brings it."""
        ...
