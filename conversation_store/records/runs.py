"""Runs: as they are accepted, as they end, and as they are kept."""

from __future__ import annotations

from typing import Any

import msgspec

from conversation_store.records.attachments import TurnAttachment
from conversation_store.records.base import Record
from conversation_store.states import RunState


class RunEnd(Record, frozen=True, kw_only=True):
    """The columns of a run that its end writes."""

    state: RunState
    code: str | None = None
    error: str | None = None
    hint: str | None = None
    cli_version: str | None = None
    session_id: str | None = None
    exit_code: int | None = None
    usage: dict[str, Any] | None = None
    cost_usd: float | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    duration_ms: int | None = None
    resets_at: str | None = None
    model: str | None = None
    steered_into: str | None = None


class RunRecord(RunEnd, frozen=True, kw_only=True):
    """One execution of a prompt, or of what the CLI did by itself after the run `caused_by`.

    `tree` names how the agent's folder was when it began, where that is known.
    `overrides` are options of the agent that hold for this run alone. Runs that wait go by their
    `queue_rank`, or by their id where that is None.
    """

    run_id: str
    conversation_id: str
    agent_id: str
    state: RunState = RunState.QUEUED
    mode: str
    reason: str
    form: str | None = None
    timeout_ms: int
    timeouts: dict[str, int] = msgspec.field(default_factory=dict)
    queued_at: str
    started_at: str | None = None
    finished_at: str | None = None
    request_hash: str | None = None
    route: dict[str, Any] = msgspec.field(default_factory=dict)
    trigger: str = "prompt"
    caused_by: str | None = None
    overrides: dict[str, Any] = msgspec.field(default_factory=dict)
    queue_rank: str | None = None
    tree: str | None = None


class NewRun(RunRecord, frozen=True, kw_only=True):
    """A prompt to accept. Without `conversation_is_new` the conversation must be open.

    What a CLI does by itself has no prompt and no inbound turn, but a run that `caused_by` it.
    A conversation that is new has the `title`.
    """

    turn_id: str
    conversation_is_new: bool
    prompt: str
    idempotency_key: str | None = None
    title: str | None = None
    attachments: list[TurnAttachment] = msgspec.field(default_factory=list)


class UsageSum(Record, frozen=True, kw_only=True):
    """What runs have used together; `of` of them told it, each figure for itself.

    A figure that no run told is None, which is not zero.
    """

    key: str | None
    runs: int
    told: int
    priced: int
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None


class RunOutcome(RunEnd, frozen=True, kw_only=True):
    """How a run ended; `answer` becomes the outbound turn, `partial` if it broke off."""

    answer: str | None = None
    partial: bool = False
    turn_id: str | None = None
    form: str | None = None
    duration_ms: int = 0


_OF_THE_RECORD = RunRecord.__struct_fields__
_OF_THE_END = RunEnd.__struct_fields__


def ended(run: RunRecord, outcome: RunOutcome, **more: Any) -> RunRecord:
    """The record of `run` once it has its `outcome`, and `more` of the record's fields."""
    fields = {name: getattr(run, name) for name in _OF_THE_RECORD}
    fields |= {name: getattr(outcome, name) for name in _OF_THE_END}
    return RunRecord(**{**fields, **more})


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A run's way through the active states `targets`; `form` is that of its process."""

    run_id: str
    targets: tuple[RunState, ...]
    now: str
    form: str | None = None
