"""Agents in the store."""

from __future__ import annotations

from typing import Any, TypeVar

import anyio
import msgspec

from conversation_store.errors import RecordConflictError, RecordNotFoundError
from conversation_store.readers import Readers
from conversation_store.records import AgentRecord
from conversation_store.writer import Row, Transaction, Unit, Urgency, Writer

T = TypeVar("T")


def _agent(row: Row) -> AgentRecord:
    return AgentRecord(
        agent_id=row[0],
        type=row[1],
        comm_mode=row[2],
        options=msgspec.json.decode(row[3]),
        created_at=row[4],
        updated_at=row[5],
    )


def _not_found(agent_id: str) -> RecordNotFoundError:
    return RecordNotFoundError("agent_not_found", f"no agent is named {agent_id!r}")


class Agents:
    """Named workers. A deleted agent keeps its conversations and frees its name.

    Each request asks for its agent, so those that were read are kept: nobody else writes them.
    """

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
        self._known: dict[str, AgentRecord] = {}
        self._writes = 0

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

        def unit(transaction: Transaction) -> AgentRecord:
            rows = transaction.run(
                "insert_agent",
                {
                    "agent_id": agent_id,
                    "type": agent_type,
                    "comm_mode": comm_mode,
                    "options": msgspec.json.encode(options).decode(),
                    "now": now,
                },
            )
            if not rows:
                raise RecordConflictError("agent_exists", f"agent {agent_id!r} exists already")
            return _agent(rows[0])

        return await self._write(agent_id, unit)

    async def change(
        self, agent_id: str, *, comm_mode: str, options: dict[str, Any], now: str
    ) -> AgentRecord:
        """Replace an agent's mode and options; RecordNotFoundError if there is none."""

        def unit(transaction: Transaction) -> AgentRecord:
            rows = transaction.run(
                "update_agent",
                {
                    "agent_id": agent_id,
                    "comm_mode": comm_mode,
                    "options": msgspec.json.encode(options).decode(),
                    "now": now,
                },
            )
            if not rows:
                raise _not_found(agent_id)
            return _agent(rows[0])

        return await self._write(agent_id, unit)

    async def delete(self, agent_id: str, *, now: str) -> None:
        """Forget an agent; RecordNotFoundError if there is none."""

        def unit(transaction: Transaction) -> None:
            if not transaction.run("delete_agent", {"agent_id": agent_id, "now": now}):
                raise _not_found(agent_id)

        await self._write(agent_id, unit, Urgency.RELIEF)

    async def get(self, agent_id: str) -> AgentRecord:
        """One agent; RecordNotFoundError if there is none."""
        if (known := self._known.get(agent_id)) is not None:
            return known
        writes = self._writes
        rows = await self._readers.read("get_agent", {"agent_id": agent_id})
        if not rows:
            raise _not_found(agent_id)
        agent = _agent(rows[0])
        if writes == self._writes:
            self._known[agent_id] = agent
        return agent

    async def all(self) -> list[AgentRecord]:
        """Every agent, by name."""
        return [_agent(row) for row in await self._readers.read("list_agents", {})]

    async def _write(self, agent_id: str, unit: Unit[T], urgency: Urgency = Urgency.PROMISE) -> T:
        """Commit a change of an agent, which is read anew afterwards, whatever became of it."""
        with anyio.CancelScope(shield=True):
            try:
                return await self._writer.submit(unit, durable=True, urgency=urgency)
            finally:
                self._writes += 1
                self._known.pop(agent_id, None)
        raise AssertionError("unreachable")
