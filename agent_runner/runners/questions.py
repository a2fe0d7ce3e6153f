"""The questions of a CLI that nobody has answered yet, and how long it has waited for them."""

from __future__ import annotations

import anyio


class Questions:
    """The open questions of one turn at a time, by the CLI's own request id."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._waited = 0.0
        self._since = 0.0

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

    def asked(self, request_id: str) -> None:
        """Somebody is to answer it."""
        if not self._open:
            self._since = anyio.current_time()
        self._open.add(request_id)

    def settled(self, request_id: str) -> bool:
        """It was answered or withdrawn; False if it was not open."""
        if request_id not in self._open:
            return False
        waited = self.waited
        self._open.discard(request_id)
        if not self._open:
            self._waited = waited
        return True
