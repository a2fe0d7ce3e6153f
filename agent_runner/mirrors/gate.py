"""Answers a mirror's questions; no person is ever asked, and nothing is done twice unasked.

1. What goes to the service's own folder is denied; what else only reads is allowed.
2. What the agent's own policy denies is denied.
3. An edit that the policy allows is allowed in the mirror's own folder.
4. A question that wants an answer, and not a permission, is denied.
5. All else goes as the primary leg's call of the same tool with the same input goes, and is
   denied if it makes none in time. Paths in the mirror's folder count as those of the primary's.

A mirror in the agent's own folder has 1 alone.
"""

from __future__ import annotations

from typing import Any

from agent_runner.agents.base import AgentOptions, PermissionAnswer
from agent_runner.agents.guard import REASON, Guard
from agent_runner.agents.policy import decide
from agent_runner.agents.tool_calls import (
    EDITING_TOOLS,
    NO_PERMISSION,
    is_shell,
    only_reads,
    paths_of,
)
from agent_runner.approvals.canonical import input_hash
from agent_runner.events.permission import PermissionRequested
from agent_runner.mirrors.recorder import LegObserver
from agent_runner.mirrors.workspace import Workspace
from agent_runner.runners.sink import Resolution
from conversation_store.states import Isolation

_EDITS = frozenset(("edit", "delete", "move"))


class Gate:
    """The answers for one mirror; `options` are the agent's own."""

    def __init__(
        self,
        primary: LegObserver,
        workspace: Workspace,
        options: AgentOptions,
        patience: float,
        guard: Guard,
    ) -> None:
        self._primary = primary
        self._workspace = workspace
        self._options = options
        self._patience = patience
        self._guard = guard

    async def rule(self, question: PermissionRequested) -> Resolution:
        """The answer; waits for the primary where that decides."""
        permission = question.kind == "permission"
        kind = question.tool_kind if permission else NO_PERMISSION
        cwd = str(self._workspace.cwd)
        if self._guard.refuses(question.name, question.tool_kind, question.input, cwd):
            return _answer(False, REASON)
        if permission and only_reads(question.name, kind):
            return _answer(True, "it only reads")
        if self._workspace.isolation is Isolation.READ_ONLY:
            return _answer(False, "this leg may only read")
        if question.kind in ("question", "tool"):
            return _answer(False, "nobody answers questions here")
        try:
            ruling = decide(self._options.permissions, question.name, kind, question.input)
            if ruling.action == "deny":
                return _answer(False, f"the agent's policy denies it ({ruling.rule})")
            if permission and ruling.action == "allow" and self._edits_inside(question):
                return _answer(True, "it edits the mirror's own files")
            given = _moved(question.input, self._workspace.roots, self._workspace.origin_roots)
            call = (question.name, input_hash(question.name, given))
        except ValueError:
            return _answer(False, "its input cannot be compared")
        decision = await self._primary.decision(call, self._patience)
        if decision is None:
            return _answer(False, "the primary leg made no such call")
        return _answer(decision, "as for the primary leg")

    def _edits_inside(self, question: PermissionRequested) -> bool:
        name, kind = question.name, question.tool_kind
        if is_shell(name, kind) or not (kind in _EDITS or name in EDITING_TOOLS):
            return False
        paths = paths_of(question.input)
        return bool(paths) and all(self._workspace.holds(path) for path in paths)


def _answer(allow: bool, why: str) -> Resolution:
    message = None if allow else f"Not done in this leg: {why}."
    return Resolution(
        answer=PermissionAnswer(allow=allow, message=message), decided_by="policy", rule=why
    )


def _moved(value: Any, roots: list[str], origins: list[str]) -> Any:
    """`value` with every path of the mirror's folders as one of the primary's."""
    if isinstance(value, str):
        for root, origin in zip(roots, origins, strict=True):
            value = value.replace(root, origin)
        return value
    if isinstance(value, dict):
        return {key: _moved(item, roots, origins) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, roots, origins) for item in value]
    return value
