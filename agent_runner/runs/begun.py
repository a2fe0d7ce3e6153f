"""A run as it begins, whatever began it."""

from __future__ import annotations

from functools import partial

import msgspec

from agent_runner import wire
from conversation_store.records import NewRun


class BegunRun(NewRun, frozen=True, kw_only=True):
    """A run of this moment; it has what all runs get when they begin."""

    run_id: str = msgspec.field(default_factory=partial(wire.new_id, "run"))
    queued_at: str = msgspec.field(default_factory=wire.now)
