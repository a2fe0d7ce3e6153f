"""What a store does for agents."""

from __future__ import annotations

from typing import Any, Protocol

from conversation_store.records import AgentRecord


class Agents(Protocol):
    """Named workers. A deleted agent keeps its conversations and frees its name."""

    async def add(
        self,
        agent_id: str,
        *,
        agent_type: str,
        comm_mode: str,
        options: dict[str, Any],
        now: str,
    ) -> AgentRecord:
        """Register; RecordConflictError `agent_exists` if the name is taken."""
        ...

    async def change(
        self, agent_id: str, *, comm_mode: str, options: dict[str, Any], now: str
    ) -> AgentRecord:
        """Replace an agent's mode and options; RecordNotFoundError if there is none."""
        ...

    async def delete(self, agent_id: str, *, now: str) -> None:
        """Forget an agent; RecordNotFoundError if there is none."""
        ...

    async def get(self, agent_id: str) -> AgentRecord:
        """One agent; RecordNotFoundError if there is none."""
        ...

    async def all(self) -> list[AgentRecord]:
        """Every agent, by name."""
        ...
