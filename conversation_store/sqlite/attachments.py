"""The files of prompts in the store."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from conversation_store import interfaces
from conversation_store.errors import RecordNotFoundError
from conversation_store.records import AttachmentRecord, TurnAttachment
from conversation_store.sqlite.readers import Readers
from conversation_store.sqlite.rows import Rows
from conversation_store.sqlite.writer import Transaction, Urgency, Writer

_ATTACHMENTS = Rows(AttachmentRecord)


def attach(
    transaction: Transaction, turn_id: str, attachments: Sequence[TurnAttachment], *, now: str
) -> None:
    """Let files belong to a turn; RecordNotFoundError if one of them is no more."""
    for position, one in enumerate(attachments):
        if not transaction.run("use_attachment", {"attachment_id": one.attachment_id, "now": now}):
            raise not_found(one.attachment_id)
        transaction.run(
            "insert_turn_attachment",
            {
                "turn_id": turn_id,
                "position": position,
                "attachment_id": one.attachment_id,
                "name": one.name,
            },
        )


def not_found(attachment_id: str) -> RecordNotFoundError:
    """There is no such file."""
    return RecordNotFoundError("attachment_not_found", f"no attachment is {attachment_id!r}")


class Attachments(interfaces.Attachments):
    """`interfaces.Attachments` in SQLite."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    @override
    async def add(self, attachment: AttachmentRecord) -> AttachmentRecord:
        def unit(transaction: Transaction) -> AttachmentRecord:
            rows = transaction.run("insert_attachment", _ATTACHMENTS.parameters(attachment))
            return _ATTACHMENTS.record(rows[0])

        return await self._writer.submit(unit, durable=True)

    @override
    async def get(self, attachment_id: str) -> AttachmentRecord:
        rows = await self._readers.read("get_attachment", {"attachment_id": attachment_id})
        if not rows:
            raise not_found(attachment_id)
        return _ATTACHMENTS.record(rows[0])

    @override
    async def total(self) -> int:
        ((total,),) = await self._readers.read("size_of_attachments", {})
        return int(total)

    @override
    async def unused(self, *, before: str) -> list[AttachmentRecord]:
        rows = await self._readers.read("unused_attachments", {"before": before})
        return [_ATTACHMENTS.record(row) for row in rows]

    @override
    async def remove(self, attachment_ids: Sequence[str], *, before: str) -> list[str]:
        def unit(transaction: Transaction) -> list[str]:
            removed = []
            for attachment_id in attachment_ids:
                given = {"attachment_id": attachment_id, "before": before}
                if transaction.run("delete_attachment", given):
                    removed.append(attachment_id)
            return removed

        return await self._writer.submit(unit, durable=True, urgency=Urgency.RELIEF)

    @override
    async def of_conversation(self, conversation_id: str) -> list[AttachmentRecord]:
        rows = await self._readers.read(
            "attachments_of_conversation", {"conversation_id": conversation_id}
        )
        return [_ATTACHMENTS.record(row) for row in rows]
