"""What a store does for browsers that have logged in."""

from __future__ import annotations

from typing import Protocol


class Logins(Protocol):
    """Hashes of what their cookies hold, each with the time of its end."""

    async def add(self, login_hash: str, *, expires_at: str, now: str) -> None:
        """Keep one; those whose end is over go."""
        ...

    async def remove(self, login_hash: str) -> None:
        """Forget one."""
        ...

    async def all(self) -> dict[str, str]:
        """All that are kept, with their ends."""
        ...
