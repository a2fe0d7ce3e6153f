"""Comparisons in the store: what the two legs of a shadow run did, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from typing_extensions import override

from conversation_store import interfaces
from conversation_store.errors import RecordNotFoundError
from conversation_store.interfaces.comparisons import BEGINNING, END
from conversation_store.records import (
    ComparisonDetail,
    ComparisonRecord,
    ComparisonResult,
    LegBody,
    NewComparison,
)
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Urgency, Writer
from conversation_store.states import ComparisonState, Isolation, Verdict

_BEGUN = Rows(NewComparison)
_RESULTS = Rows(ComparisonResult)
_COMPARISONS = Rows(ComparisonRecord)


class Comparisons(interfaces.Comparisons):
    """`interfaces.Comparisons` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @override
    async def begin(self, new: NewComparison) -> None:
        skipped = new.skipped_because is not None
        state = ComparisonState.SKIPPED if skipped else ComparisonState.RUNNING
        parameters = {
            **_BEGUN.parameters(new),
            "state": state,
            "isolation": Isolation.NONE,
            "finished_at": new.created_at if skipped else None,
        }

        def unit(transaction: Transaction) -> None:
            transaction.run("insert_comparison", parameters)

        await self._writer.submit(unit, durable=False)

    @override
    async def finish(self, comparison_id: str, result: ComparisonResult, *, now: str) -> bool:
        skipped = result.verdict is None
        parameters = {
            **_RESULTS.parameters(result),
            "comparison_id": comparison_id,
            "state": ComparisonState.SKIPPED if skipped else ComparisonState.DONE,
            "finished_at": now,
        }

        def unit(transaction: Transaction) -> bool:
            return bool(transaction.run("finish_comparison", parameters))

        return await self._writer.submit(unit, durable=False)

    @override
    async def skip_running(self, because: str, *, now: str) -> int:
        def unit(transaction: Transaction) -> int:
            rows = transaction.run("skip_running_comparisons", {"because": because, "now": now})
            return len(rows)

        return await self._writer.submit(unit, durable=False, urgency=Urgency.END)

    @override
    async def empty_old(self, *, before: str, limit: int) -> int:
        def unit(transaction: Transaction) -> int:
            parameters = {"before": before, "limit": limit}
            return len(transaction.run("empty_old_comparisons", parameters))

        return await self._writer.submit(unit, durable=False, urgency=Urgency.RELIEF)

    @override
    async def get(self, comparison_id: str) -> ComparisonDetail:
        rows = await self._readers.read("get_comparison", {"comparison_id": comparison_id})
        if not rows:
            raise RecordNotFoundError("comparison_not_found", f"no comparison is {comparison_id!r}")
        *row, primary, mirror = rows[0]
        return ComparisonDetail(
            comparison=_COMPARISONS.record(tuple(row)), primary=_body(primary), mirror=_body(mirror)
        )

    @override
    async def page(
        self,
        *,
        since: str = BEGINNING,
        until: str = END,
        agent_id: str | None = None,
        agent_type: str | None = None,
        verdicts: Sequence[Verdict] = (),
        before: str | None = None,
        limit: int,
    ) -> list[ComparisonRecord]:
        first, second, third = (*verdicts, None, None, None)[:3]
        parameters = {
            "first": first,
            "second": second,
            "third": third,
            "since": since,
            "until": until,
            "agent_id": agent_id,
            "agent_type": agent_type,
            "before": before,
            "limit": limit,
        }
        rows = await self._readers.read("list_comparisons", parameters)
        return [_COMPARISONS.record(row) for row in rows]

    @override
    async def history(self, conversation_id: str, kind: str) -> tuple[str | None, int]:
        parameters = {"conversation_id": conversation_id, "kind": kind}
        rows = await self._readers.read("mirror_history", parameters)
        seen = await self._readers.read("shadowed_turns", parameters)
        return (rows[0][0] if rows else None), int(seen[0][0])


def _body(text: str | None) -> LegBody | None:
    return None if text is None else msgspec.json.decode(text, type=LegBody)
