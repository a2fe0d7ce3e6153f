"""The processes of runs, and what is known of their CLIs."""

from __future__ import annotations

import msgspec


class ProcessRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A process as written down: with the boot id, pid and start ticks name it for ever.

    `background` is the JSON list of what it has left to do after its runs' ends.
    """

    process_id: str
    run_id: str
    conversation_id: str
    agent_id: str
    pid: int
    start_ticks: int | None
    boot_id: str
    started_at: str
    background: str = "[]"


class CircuitRecord(msgspec.Struct, frozen=True, rename="camel"):
    """A circuit breaker of a CLI type or of an agent (`scope`), as written down."""

    scope: str
    name: str
    state: str
    failures: int
    openings: int
    code: str | None
    retry_at: str | None
    changed_at: str
