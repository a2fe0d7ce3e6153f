"""Which toggle speaks for an agent: its own, else that of its CLI type, else the global one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from conversation_store.records import ToggleRecord


class Scope(StrEnum):
    """What a toggle is for; the narrower one wins."""

    AGENT = "agent"
    TYPE = "type"
    GLOBAL = "global"


EVERYTHING = "*"
"""The name of the one global toggle."""

Key = tuple[Scope, str]


def keys_of(agent_id: str, agent_type: str) -> tuple[Key, Key, Key]:
    """Where a toggle for this agent may stand, the narrowest first."""
    return (Scope.AGENT, agent_id), (Scope.TYPE, agent_type), (Scope.GLOBAL, EVERYTHING)


def key_of(toggle: ToggleRecord) -> Key:
    """Where a toggle stands."""
    return Scope(toggle.scope), toggle.name


def in_force(
    toggles: Mapping[Key, ToggleRecord], agent_id: str, agent_type: str, now: str
) -> ToggleRecord | None:
    """The toggle in force for an agent at `now` (RFC 3339 UTC), if any."""
    for key in keys_of(agent_id, agent_type):
        toggle = toggles.get(key)
        if toggle is not None and not expired(toggle, now):
            return toggle
    return None


def expired(toggle: ToggleRecord, now: str) -> bool:
    """True once the toggle's time is over."""
    return toggle.expires_at is not None and toggle.expires_at <= now
