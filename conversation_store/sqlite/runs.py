"""Runs in the store: acceptance, moves and the one end, each one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from typing_extensions import override

from conversation_store import free_json, interfaces
from conversation_store.errors import RecordConflictError, RecordNotFoundError
from conversation_store.interfaces.runs import ALL
from conversation_store.records import (
    Move,
    NewEvent,
    NewRun,
    ProcessRecord,
    RunEnd,
    RunOutcome,
    RunRecord,
    StoredEvent,
    TurnRecord,
    UsageSum,
)
from conversation_store.sqlite.approvals import asked, void_of_run
from conversation_store.sqlite.conversations import append_turn, change_turn
from conversation_store.sqlite.events import append_batch, append_events
from conversation_store.sqlite.moves import move_run
from conversation_store.sqlite.processes import insert_process
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.remembered import Remembered
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Urgency, Writer
from conversation_store.states import RunState

_CLOCK_SLACK = timedelta(days=1)
_RUNS = Rows(RunRecord)
_ENDS = Rows(RunEnd)


class Runs(interfaces.Runs):
    """`interfaces.Runs` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers, current: Remembered[str]) -> None:
        self._writer = writer
        self._readers = readers
        self._current = current

    @override
    async def accept(
        self, run: NewRun, events: Sequence[NewEvent], *, durable: bool = True
    ) -> list[StoredEvent]:
        def unit(transaction: Transaction) -> list[StoredEvent]:
            conversation = {"conversation_id": run.conversation_id}
            if run.conversation_is_new:
                transaction.run(
                    "insert_conversation",
                    {
                        **conversation,
                        "agent_id": run.agent_id,
                        "now": run.queued_at,
                        "title": run.title,
                    },
                )
            else:
                rows = transaction.run("state_of_conversation", conversation)
                if not rows:
                    raise RecordNotFoundError(
                        "conversation_not_found", f"no conversation is {run.conversation_id!r}"
                    )
                if rows[0][0] != "open":
                    raise RecordConflictError(
                        "conversation_ended", "this conversation was ended; start a new one"
                    )
                if run.title is not None:
                    transaction.run("title_conversation", {**conversation, "title": run.title})
            _insert(transaction, run, run.idempotency_key)
            turn = TurnRecord(
                turn_id=run.turn_id,
                conversation_id=run.conversation_id,
                role="user",
                direction="inbound",
                content=run.prompt,
                run_id=run.run_id,
                metadata=run.metadata,
                created_at=run.queued_at,
                attachments=run.attachments,
            )
            append_turn(transaction, turn)
            return append_events(transaction, run.conversation_id, run.run_id, events)

        if not run.conversation_is_new:
            return await self._writer.submit(unit, durable=durable)
        with self._current.changing(run.agent_id):
            return await self._writer.submit(unit, durable=durable)

    @override
    async def begin_background(
        self, run: NewRun, form: str, events: Sequence[NewEvent]
    ) -> list[StoredEvent]:
        def unit(transaction: Transaction) -> list[StoredEvent]:
            begun = msgspec.structs.replace(
                run, state=RunState.RUNNING, form=form, started_at=run.queued_at
            )
            _insert(transaction, begun)
            return append_events(transaction, run.conversation_id, run.run_id, events)

        return await self._writer.submit(unit, durable=False, urgency=Urgency.END)

    @override
    async def caused_by(self, run_id: str) -> list[str]:
        rows = await self._readers.read("runs_caused_by", {"run_id": run_id})
        return [str(row[0]) for row in rows]

    @override
    async def route(self, run: NewRun, events: Sequence[NewEvent]) -> list[StoredEvent]:
        def unit(transaction: Transaction) -> list[StoredEvent]:
            transaction.run("route_run", _RUNS.parameters(run))
            return append_events(transaction, run.conversation_id, run.run_id, events)

        return await self._writer.submit(unit, durable=False, urgency=Urgency.END)

    @override
    async def move(self, move: Move, *, process: ProcessRecord | None = None) -> bool:
        def unit(transaction: Transaction) -> bool:
            moved = move_run(transaction, move)
            if moved and process is not None:
                insert_process(transaction, process)
            return moved

        return await self._writer.submit(unit, durable=False, urgency=Urgency.END)

    @override
    async def finish(
        self,
        run_id: str,
        outcome: RunOutcome,
        events: Sequence[NewEvent],
        *,
        now: str,
        started_at: str | None = None,
        before: Sequence[tuple[str | None, NewEvent]] = (),
    ) -> list[StoredEvent] | None:
        def unit(transaction: Transaction) -> list[StoredEvent] | None:
            ended = transaction.change(
                "finish_run",
                {
                    **_ENDS.parameters(outcome),
                    "usage": free_json.encode(outcome.usage) if outcome.usage else None,
                    "run_id": run_id,
                    "form": outcome.form,
                    "started_at": started_at,
                    "now": now,
                },
            )
            if not ended:
                return None
            ((conversation_id,),) = transaction.run("conversation_of_run", {"run_id": run_id})
            if outcome.answer is not None and outcome.turn_id is not None:
                turn = TurnRecord(
                    turn_id=outcome.turn_id,
                    conversation_id=conversation_id,
                    role="assistant",
                    direction="outbound",
                    content=outcome.answer,
                    run_id=run_id,
                    metadata={"partial": True} if outcome.partial else {},
                    created_at=now,
                )
                append_turn(transaction, turn)
            if outcome.session_id is not None:
                transaction.run(
                    "keep_session",
                    {
                        "conversation_id": conversation_id,
                        "session_id": outcome.session_id,
                        "now": now,
                    },
                )
            own = [(run_id, event) for event in events]
            if not asked(transaction, run_id):
                return append_batch(transaction, conversation_id, [*before, *own])
            earlier = append_batch(transaction, conversation_id, before)
            reason = f"the run is {outcome.state}"
            voided = void_of_run(transaction, run_id, reason=reason, now=now)
            return earlier + voided + append_batch(transaction, conversation_id, own)

        return await self._writer.submit(unit, durable=True, urgency=Urgency.END)

    @override
    async def edit(
        self, run_id: str, prompt: str, events: Sequence[NewEvent]
    ) -> list[StoredEvent] | None:
        def unit(transaction: Transaction) -> list[StoredEvent] | None:
            rows = transaction.run("waiting_run", {"run_id": run_id})
            if not rows:
                return None
            conversation_id, turn_id = rows[0]
            change_turn(transaction, turn_id, prompt)
            return append_events(transaction, conversation_id, run_id, events)

        return await self._writer.submit(unit, durable=True)

    @override
    async def reorder(self, agent_id: str, run_ids: Sequence[str]) -> bool:
        def unit(transaction: Transaction) -> bool:
            rows = transaction.run("waiting_ranks", {"agent_id": agent_id})
            waiting = {str(run_id) for run_id, _ in rows}
            if waiting != set(run_ids) or len(rows) != len(run_ids):
                return False
            for run_id, (_, rank) in zip(run_ids, rows, strict=True):
                transaction.run("rank_run", {"run_id": run_id, "rank": rank})
            return True

        return await self._writer.submit(unit, durable=True)

    @override
    async def note_tree(self, run_id: str, tree: str) -> None:
        def unit(transaction: Transaction) -> None:
            transaction.run("note_tree", {"run_id": run_id, "tree": tree})

        await self._writer.submit(unit, durable=False)

    @override
    async def usage(self, by: str, *, since: str, agent_id: str | None) -> list[UsageSum]:
        given = {"since": since, "first": _first_run(since), "agent_id": agent_id}
        rows = await self._readers.read(f"usage_by_{by}", given)
        return [UsageSum(**dict(zip(UsageSum.__struct_fields__, row, strict=True))) for row in rows]

    @override
    async def get(self, run_id: str) -> RunRecord:
        rows = await self._readers.read("get_run", {"run_id": run_id})
        if not rows:
            raise RecordNotFoundError("run_not_found", f"no run is {run_id!r}")
        return _RUNS.record(rows[0])

    @override
    async def version_before(self, run: NewRun) -> str | None:
        rows = await self._readers.read(
            "version_before", {"conversation_id": run.conversation_id, "run_id": run.run_id}
        )
        return str(rows[0][0]) if rows else None

    @override
    async def by_idempotency_key(self, agent_id: str, key: str) -> str | None:
        rows = await self._readers.read(
            "run_by_idempotency_key", {"agent_id": agent_id, "idempotency_key": key}
        )
        return str(rows[0][0]) if rows else None

    @override
    async def of_agent(self, agent_id: str, *, since: str = "", limit: int = ALL) -> list[str]:
        parameters = {"agent_id": agent_id, "since": since, "limit": limit}
        rows = await self._readers.read("runs_of_agent", parameters)
        return [str(row[0]) for row in rows]

    @override
    async def of_conversation(self, conversation_id: str) -> list[str]:
        rows = await self._readers.read(
            "runs_of_conversation", {"conversation_id": conversation_id}
        )
        return [str(row[0]) for row in rows]

    @override
    async def before(self, run_id: str, conversation_id: str, limit: int) -> list[RunRecord]:
        given = {"run_id": run_id, "conversation_id": conversation_id, "limit": limit}
        return [_RUNS.record(row) for row in await self._readers.read("runs_before", given)]

    @override
    async def open_runs(self) -> list[RunRecord]:
        return [_RUNS.record(row) for row in await self._readers.read("open_runs", {})]


def _first_run(since: str) -> str:
    """What sorts before the ids of all runs that were accepted since a time, clocks set or not."""
    if not since:
        return ""
    earlier = datetime.fromisoformat(since) - _CLOCK_SLACK
    return f"run_{max(0, int(earlier.timestamp() * 1000)) << 16:016x}"


def _insert(transaction: Transaction, run: RunRecord, key: str | None = None) -> None:
    more = {"idempotency_key": key, "epoch": transaction.epoch}
    transaction.run("insert_run", {**_RUNS.parameters(run), **more})
