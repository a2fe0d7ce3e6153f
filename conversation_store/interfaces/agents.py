"""What a store does for agents."""

from __future__ import annotations

from typing import Any, Protocol

from conversation_store.records import About, AgentActivity, AgentRecord

NOTHING = About()
"""What is told about an agent that only has its id."""


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
        about: About = NOTHING,
    ) -> AgentRecord:
        """Register; RecordConflictError `agent_exists` if the name is taken."""
        ...

    async def change(
        self,
        agent_id: str,
        *,
        comm_mode: str,
        options: dict[str, Any],
        now: str,
        about: About | None = None,
    ) -> AgentRecord:
        """Replace an agent's mode and options, and what is told `about` it unless that is None.

        RecordNotFoundError if there is none.
        """
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

    async def activity(self) -> dict[str, AgentActivity]:
        """What each agent does and did, by its id."""
        ...
