"""What a store does for the files of prompts; it keeps what they are, not their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from conversation_store.records import AttachmentRecord


class Attachments(Protocol):
    """Files by their content."""

    async def add(self, attachment: AttachmentRecord) -> AttachmentRecord:
        """Note a file, which may be known already: then it is as it was, and used just now."""
        ...

    async def get(self, attachment_id: str) -> AttachmentRecord:
        """One file; RecordNotFoundError `attachment_not_found` if there is none."""
        ...

    async def total(self) -> int:
        """The bytes of all files."""
        ...

    async def unused(self, *, before: str) -> list[AttachmentRecord]:
        """Files of no turn, which nobody has uploaded since the time `before`."""
        ...

    async def remove(self, attachment_ids: Sequence[str], *, before: str) -> list[str]:
        """Forget those of these that are still `unused`; their ids."""
        ...

    async def of_conversation(self, conversation_id: str) -> list[AttachmentRecord]:
        """The files of a conversation's turns, in no order."""
        ...
