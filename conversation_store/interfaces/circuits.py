"""What a store does for circuit breakers."""

from __future__ import annotations

from typing import Protocol

from conversation_store.records import CircuitRecord


class Circuits(Protocol):
    """One row for each breaker that was ever anything but fresh."""

    async def save(self, circuit: CircuitRecord) -> None:
        """Write a breaker's state in the place of its last."""
        ...

    async def all(self) -> list[CircuitRecord]:
        """Every breaker, by scope and name."""
        ...
