"""The questions of a CLI that nobody has answered yet, and how long it has waited for them."""

from __future__ import annotations

from typing import Any

import anyio

from agent_runner.events.permission import PermissionRequested


class Questions:
    """The open questions of one turn at a time, by the CLI's own request id.

    What was allowed for the session is remembered for as long as the process lives.
    `answered_at` is when the last waiting was over, by the monotonic clock.
    """

    def __init__(self) -> None:
        self._open: dict[str, PermissionRequested] = {}
        self._allowed: list[tuple[str, dict[str, Any]]] = []
        self._waited = 0.0
        self._since = 0.0
        self.answered_at = 0.0

    @property
    def waiting(self) -> bool:
        """True while one is open."""
        return bool(self._open)

    @property
    def since(self) -> float | None:
        """When the present waiting began, by the monotonic clock; None if nothing waits."""
        return self._since if self._open else None

    @property
    def waited(self) -> float:
        """Seconds of this turn in which at least one was open."""
        return self._waited + (anyio.current_time() - self._since if self._open else 0.0)

    def begin_turn(self) -> None:
        """Count from zero again."""
        self._waited, self._since = 0.0, anyio.current_time()

    def asked(self, question: PermissionRequested) -> None:
        """Somebody is to answer it."""
        if not self._open:
            self._since = anyio.current_time()
        self._open[question.request_id] = question

    def open(self, question: PermissionRequested) -> bool:
        """True if just this is open: its id may have come again with another request."""
        return self._open.get(question.request_id) == question

    def all(self) -> list[PermissionRequested]:
        """What is open, in the order of its asking."""
        return list(self._open.values())

    def settled(self, request_id: str) -> None:
        """It was answered or withdrawn, if it was open."""
        if request_id not in self._open:
            return
        waited = self.waited
        del self._open[request_id]
        if not self._open:
            self._waited = waited
            self.answered_at = anyio.current_time()

    def allow(self, question: PermissionRequested) -> None:
        """Just this is allowed for the session."""
        self._allowed.append((question.name, question.input))

    def allowed(self, question: PermissionRequested) -> bool:
        """True if just this was allowed for the session."""
        return (question.name, question.input) in self._allowed
