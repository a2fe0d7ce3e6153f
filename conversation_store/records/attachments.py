"""Files that belong to prompts."""

from __future__ import annotations

from conversation_store.records.base import Record


class AttachmentRecord(Record, frozen=True, kw_only=True):
    """A file by its content. `used_at` is when it was last uploaded or given to a prompt."""

    attachment_id: str
    sha256: str
    media_type: str
    size: int
    created_at: str
    used_at: str


class TurnAttachment(Record, frozen=True, kw_only=True):
    """A file of one turn, as it was called there."""

    attachment_id: str
    name: str
    media_type: str
    size: int
