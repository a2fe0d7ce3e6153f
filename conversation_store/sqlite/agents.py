"""Agents in the store."""

from __future__ import annotations

from typing import Any

import msgspec
from typing_extensions import override

from conversation_store import free_json, interfaces
from conversation_store.errors import RecordConflictError, RecordNotFoundError
from conversation_store.interfaces.agents import NOTHING
from conversation_store.records import About, AgentActivity, AgentRecord
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.remembered import Remembered
from conversation_store.sqlite.rows import Row, Rows
from conversation_store.sqlite.writer import Transaction, Urgency, Writer

_AGENTS = Rows(AgentRecord)
_OPTIONS = _AGENTS.columns.index("options")


def _agent(row: Row) -> AgentRecord:
    options, error = free_json.examine(row[_OPTIONS])
    return msgspec.structs.replace(_AGENTS.record(row), options=options, error=error)


def _not_found(agent_id: str) -> RecordNotFoundError:
    return RecordNotFoundError("agent_not_found", f"no agent is named {agent_id!r}")


class Agents(interfaces.Agents):
    """`interfaces.Agents` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
        self._known = Remembered(self._read)

    @override
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

        agent = AgentRecord(
            agent_id=agent_id,
            type=agent_type,
            comm_mode=comm_mode,
            options=options,
            created_at=now,
            updated_at=now,
            name=about.name,
            description=about.description,
            metadata=about.metadata,
        )

        def unit(transaction: Transaction) -> AgentRecord:
            rows = transaction.run("insert_agent", _AGENTS.parameters(agent))
            if not rows:
                raise RecordConflictError("agent_exists", f"agent {agent_id!r} exists already")
            return _agent(rows[0])

        with self._known.changing(agent_id):
            return await self._writer.submit(unit, durable=True)

    @override
    async def change(
        self,
        agent_id: str,
        *,
        comm_mode: str,
        options: dict[str, Any],
        now: str,
        about: About | None = None,
    ) -> AgentRecord:
        told = about or NOTHING

        def unit(transaction: Transaction) -> AgentRecord:
            rows = transaction.run(
                "update_agent",
                {
                    "agent_id": agent_id,
                    "comm_mode": comm_mode,
                    "options": free_json.encode(options),
                    "now": now,
                    "about": about is not None,
                    "name": told.name,
                    "description": told.description,
                    "metadata": free_json.encode(told.metadata),
                },
            )
            if not rows:
                raise _not_found(agent_id)
            return _agent(rows[0])

        with self._known.changing(agent_id):
            return await self._writer.submit(unit, durable=True)

    @override
    async def delete(self, agent_id: str, *, now: str) -> None:
        def unit(transaction: Transaction) -> None:
            if not transaction.run("delete_agent", {"agent_id": agent_id, "now": now}):
                raise _not_found(agent_id)

        with self._known.changing(agent_id):
            await self._writer.submit(unit, durable=True, urgency=Urgency.RELIEF)

    @override
    async def get(self, agent_id: str) -> AgentRecord:
        agent = await self._known.get(agent_id)
        if agent is None:
            raise _not_found(agent_id)
        return agent

    @override
    async def all(self) -> list[AgentRecord]:
        return [_agent(row) for row in await self._readers.read("list_agents", {})]

    @override
    async def activity(self) -> dict[str, AgentActivity]:
        rows = await self._readers.read("activity_of_agents", {})
        return {
            agent_id: AgentActivity(
                agent_id=agent_id, pending_approvals=pending, last_activity_at=last
            )
            for agent_id, pending, last in rows
        }

    async def _read(self, agent_id: str) -> AgentRecord | None:
        rows = await self._readers.read("get_agent", {"agent_id": agent_id})
        return _agent(rows[0]) if rows else None
