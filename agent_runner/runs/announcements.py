"""What is announced of runs and conversations to those who watch the service."""

from __future__ import annotations

import msgspec

from agent_runner.agents.base import AgentOptions
from agent_runner.settings import Timeouts
from conversation_store.records import AgentRecord, AttachmentRecord, NewRun, RunOutcome
from fallback.plan import Plan


class RunBegins(msgspec.Struct, frozen=True, kw_only=True):
    """The agent is free for the run, which is about to be driven by `plan`.

    A run that a decision brings back does not begin again.
    """

    run: NewRun
    agent: AgentRecord
    options: AgentOptions
    timeouts: Timeouts
    plan: Plan


class RunEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A run has its `outcome`, which nobody has heard of yet.

    None for one that the service stops for, and that goes on when the service is up again.
    """

    run_id: str
    outcome: RunOutcome | None


class ConversationDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation is gone from the store with all that belongs to it: its runs `run_ids`.

    Others may use its `attachments`.
    """

    conversation_id: str
    run_ids: list[str]
    attachments: list[AttachmentRecord]


class RunOver(msgspec.Struct, frozen=True, kw_only=True):
    """A run has ended, or stays queued for the next start; who waited for its end has it.

    `session_id` is that of its CLI, if it had one.
    """

    run: NewRun
    agent_type: str
    options: AgentOptions
    session_id: str | None
