"""Toggles in the store: each change is one commit with its entry in the audit log."""

from __future__ import annotations

from typing import Any

import msgspec
from typing_extensions import override

from conversation_store import free_json, interfaces
from conversation_store.records import Cause, ToggleEventRecord, ToggleRecord
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Writer

SET = "toggle.set"
CLEARED = "toggle.cleared"
EXPIRED = "toggle.expired"

_TOGGLES = Rows(ToggleRecord, free_json.encode_ascii)


class Toggles(interfaces.Toggles):
    """`interfaces.Toggles` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @override
    async def set(self, toggle: ToggleRecord) -> bool:
        parameters = _TOGGLES.parameters(toggle)
        cause = Cause(by=toggle.set_by, via=toggle.via, reason=toggle.reason)

        def unit(transaction: Transaction) -> bool:
            if not transaction.run("set_toggle", parameters):
                return False
            _tell(transaction, SET, toggle, cause, toggle.since)
            return True

        return await self._writer.submit(unit, durable=True)

    @override
    async def clear(
        self, scope: str, name: str, cause: Cause, *, now: str, only_since: str | None = None
    ) -> ToggleRecord | None:
        def unit(transaction: Transaction) -> ToggleRecord | None:
            parameters = {"scope": scope, "name": name, "since": only_since}
            rows = transaction.run("clear_toggle", parameters)
            if not rows:
                return None
            toggle = _TOGGLES.record(rows[0])
            kind = EXPIRED if cause.via == "expiry" else CLEARED
            _tell(transaction, kind, toggle, cause, now)
            return toggle

        return await self._writer.submit(unit, durable=True)

    @override
    async def note(
        self, kind: str, scope: str, name: str, detail: dict[str, Any], *, now: str
    ) -> None:
        payload = free_json.encode_ascii(
            {"type": kind, "scope": scope, "name": name, **detail}
        ).encode()

        def unit(transaction: Transaction) -> None:
            _insert(transaction, kind, scope, name, payload, now)

        await self._writer.submit(unit, durable=False)

    @override
    async def all(self) -> list[ToggleRecord]:
        return [_TOGGLES.record(row) for row in await self._readers.read("list_toggles", {})]

    @override
    async def events(self, *, after: int, limit: int) -> list[ToggleEventRecord]:
        rows = await self._readers.read("toggle_events_after", {"after": after, "limit": limit})
        return [ToggleEventRecord(*row) for row in rows]

    @override
    async def audit(
        self,
        *,
        before: int | None = None,
        scope: str | None = None,
        name: str | None = None,
        limit: int,
    ) -> list[ToggleEventRecord]:
        rows = await self._readers.read(
            "toggle_events_before",
            {"before": before, "scope": scope, "name": name, "limit": limit},
        )
        return [ToggleEventRecord(*row) for row in rows]

    @override
    async def last_event(self) -> int:
        return int((await self._readers.read("last_toggle_event", {}))[0][0])


def _tell(
    transaction: Transaction, kind: str, toggle: ToggleRecord, cause: Cause, now: str
) -> None:
    shown = {"type": kind, "scope": toggle.scope, "name": toggle.name}
    detail = {"toggle": msgspec.to_builtins(toggle), **msgspec.to_builtins(cause)}
    payload = free_json.encode_ascii({**shown, **detail}).encode()
    _insert(transaction, kind, toggle.scope, toggle.name, payload, now)


def _insert(
    transaction: Transaction, kind: str, scope: str, name: str, payload: bytes, now: str
) -> None:
    event = {"scope": scope, "name": name, "type": kind, "time": now, "payload": payload}
    transaction.run("insert_toggle_event", event)
