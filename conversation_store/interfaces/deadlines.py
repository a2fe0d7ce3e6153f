"""What a store does for deadlines."""

from __future__ import annotations

from typing import Protocol


class Deadlines(Protocol):
    """The ends of approvals, tickets and toggles that are not over yet."""

    async def move(self, seconds: float, *, now: str) -> int:
        """Move every end that is after `now` by so many seconds; how many there were."""
        ...

    async def bound(self, *, latest: str) -> int:
        """Let no approval wait for longer than until `latest`; how many would have."""
        ...
