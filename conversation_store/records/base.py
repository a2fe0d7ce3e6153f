"""What all records have in common. Times are RFC 3339 UTC text, durations milliseconds."""

from __future__ import annotations

import msgspec

NOT_STORED = msgspec.Meta(extra={"stored": False})
"""Marks a field that has no column."""


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base: JSON is camelCase."""
