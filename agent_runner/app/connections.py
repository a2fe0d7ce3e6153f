"""Which connections may be open at once, and which one has to go for another.

Those in use are never closed. When all places are taken, the one that has waited for its next
request for the longest goes; when none waits, a newcomer gets one of a few places more, on which
only /health and /ready are answered.
"""

from __future__ import annotations

from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from agent_runner.api.problems import problem_of
from agent_runner.api.refusals import Refusals
from agent_runner.app.descriptors import are_scarce
from agent_runner.errors import AgentRunnerError, UnavailableError

RESERVE = 32
"""Places for questions after the service's health when all others are in use."""

MOST_LEAVING = 64
"""Connections that were refused and may still read why."""

_ON_RESERVE = frozenset({"/health", "/ready"})


class Connection(Protocol):
    """What `Connections` needs of one."""

    reserved: bool

    @property
    def descriptor(self) -> int:
        """Its number."""

    def refuse(self, error: AgentRunnerError, *, at_once: bool = False) -> None:
        """Say why it is not served, and close it."""

    def close(self) -> None:
        """Close it."""


class Connections:
    """Every open connection, by what it does."""

    def __init__(self, most: int, refusals: Refusals) -> None:
        self.most = most
        self.refusals = refusals
        self._open = 0
        self._reserved = 0
        # The longest waiting first.
        self._waiting: dict[Connection, None] = {}
        self._waiting_reserved: dict[Connection, None] = {}
        self._leaving: dict[Connection, None] = {}

    def admit(self, connection: Connection) -> None:
        """Take a new connection in, which waits for its first request."""
        scarce = are_scarce(connection.descriptor)
        full = self._open >= self.most or scarce
        if full and not self._evict(self._waiting):
            if scarce or self._reserved >= RESERVE:
                self._evict(self._waiting_reserved)
            if self._reserved >= RESERVE:
                self._open += 1
                connection.refuse(self._error(), at_once=True)
                return
            connection.reserved = True
            self._reserved += 1
        else:
            self._open += 1
        self.waits(connection)

    def waits(self, connection: Connection) -> None:
        """Nothing is asked on it now."""
        self._queue(connection)[connection] = None

    def works(self, connection: Connection) -> None:
        """A request on it has begun."""
        self._queue(connection).pop(connection, None)

    def leaves(self, connection: Connection) -> None:
        """It was refused: it gives its place back and may read why."""
        if connection not in self._leaving:
            self._give_back(connection)
            self._leaving[connection] = None
            if len(self._leaving) > MOST_LEAVING:
                next(iter(self._leaving)).close()

    def gone(self, connection: Connection) -> None:
        """It is closed."""
        if connection in self._leaving:
            del self._leaving[connection]
        else:
            self._give_back(connection)

    def _queue(self, connection: Connection) -> dict[Connection, None]:
        return self._waiting_reserved if connection.reserved else self._waiting

    def _give_back(self, connection: Connection) -> None:
        self._queue(connection).pop(connection, None)
        if connection.reserved:
            self._reserved -= 1
        else:
            self._open -= 1

    def _evict(self, queue: dict[Connection, None]) -> bool:
        """Close the longest waiting one; False if none waits."""
        longest = next(iter(queue), None)
        if longest is not None:
            longest.refuse(self._error(), at_once=True)
        return longest is not None

    def _error(self, what: str = "are open, and this one waited the longest") -> AgentRunnerError:
        return UnavailableError(
            "too_many_connections",
            f"{self.most} connections {what}",
            hint="close some, or raise `limits.connections`",
            retry_after_s=1,
        )

    def only_health(self, app: ASGIApp) -> ASGIApp:
        """`app` as it is served on the reserve."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] in _ON_RESERVE:
                await app(scope, receive, send)
                return
            error = self._error("are in use")
            self.refusals.note(error.code)
            answer = problem_of(error)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)

        return serve
