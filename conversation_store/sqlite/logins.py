"""Browsers that have logged in, in the store."""

from __future__ import annotations

from typing_extensions import override

from conversation_store import interfaces
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.writer import Transaction, Urgency, Writer


class Logins(interfaces.Logins):
    """`interfaces.Logins` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @override
    async def add(self, login_hash: str, *, expires_at: str, now: str) -> None:
        def unit(transaction: Transaction) -> None:
            transaction.run("delete_old_logins", {"now": now})
            given = {"login_hash": login_hash, "expires_at": expires_at}
            transaction.run("insert_login", given)

        await self._writer.submit(unit, durable=False)

    @override
    async def remove(self, login_hash: str) -> None:
        def unit(transaction: Transaction) -> None:
            transaction.run("delete_login", {"login_hash": login_hash})

        await self._writer.submit(unit, durable=True, urgency=Urgency.RELIEF)

    @override
    async def all(self) -> dict[str, str]:
        return dict(await self._readers.read("list_logins", {}))
