"""What a store does for toggles."""

from __future__ import annotations

from typing import Any, Protocol

from conversation_store.records import Cause, ToggleEventRecord, ToggleRecord


class Toggles(Protocol):
    """What stands for or against a mode, and who changed it when and why."""

    async def set(self, toggle: ToggleRecord) -> bool:
        """Put `toggle` in the place of the one before.

        False, and nothing changed, if it is automatic and an operator's stands there.
        """
        ...

    async def clear(
        self, scope: str, name: str, cause: Cause, *, now: str, only_since: str | None = None
    ) -> ToggleRecord | None:
        """Take a toggle away; None if there is none, or not the one of `only_since`."""
        ...

    async def note(
        self, kind: str, scope: str, name: str, detail: dict[str, Any], *, now: str
    ) -> None:
        """Write an event that changes no toggle."""
        ...

    async def all(self) -> list[ToggleRecord]:
        """Every toggle that stands, by scope and name."""
        ...

    async def events(self, *, after: int, limit: int) -> list[ToggleEventRecord]:
        """What happened after event `after`, oldest first."""
        ...

    async def audit(
        self,
        *,
        before: int | None = None,
        scope: str | None = None,
        name: str | None = None,
        limit: int,
    ) -> list[ToggleEventRecord]:
        """What happened before event `before`, newest first."""
        ...

    async def last_event(self) -> int:
        """The seq of the last event; 0 before the first."""
        ...
