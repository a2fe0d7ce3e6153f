"""What stands for or against a mode."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from conversation_store.records.base import Record

ToggleScope = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["agent", "type", "global"]})]
ToggleMode = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["headless", "tmux"]})]


class ToggleRecord(Record, frozen=True, kw_only=True):
    """What stands for or against a mode: for an agent, for a CLI type, or for all (`global`).

    `automatic` is one that the service set by itself, for the reasons in `evidence`.
    """

    scope: ToggleScope
    name: str
    mode: ToggleMode
    automatic: bool
    reason: str
    set_by: str
    via: str
    since: str
    expires_at: str | None = None
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)


class ToggleEventRecord(msgspec.Struct, frozen=True):
    """One thing that happened to a toggle; `payload` is its JSON object, encoded."""

    seq: int
    scope: str
    name: str
    type: str
    time: str
    payload: bytes


class Cause(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who changed a toggle, by which way and why: what the audit log keeps of a change."""

    by: str
    via: str
    reason: str
