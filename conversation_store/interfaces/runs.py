"""What a store does for runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from conversation_store.records import (
    Move,
    NewEvent,
    NewRun,
    ProcessRecord,
    RunOutcome,
    RunRecord,
    StoredEvent,
    UsageSum,
)

ALL = 2**62
"""More than there can be of anything."""


class Runs(Protocol):
    """Executions of prompts."""

    async def accept(
        self, run: NewRun, events: Sequence[NewEvent], *, durable: bool = True
    ) -> list[StoredEvent]:
        """Commit the run, its inbound turn and its first events; after this it is not lost.

        Unless `durable`, a machine that loses its power loses it until its next durable commit.
        """
        ...

    async def begin_background(
        self, run: NewRun, form: str, events: Sequence[NewEvent]
    ) -> list[StoredEvent]:
        """Commit the run of what a CLI does by itself: it is running, and has no prompt."""
        ...

    async def caused_by(self, run_id: str) -> list[str]:
        """The ids of the runs that work of this run has led to, oldest first."""
        ...

    async def route(self, run: NewRun, events: Sequence[NewEvent]) -> list[StoredEvent]:
        """Write down that `run` goes another way than it did when it was accepted."""
        ...

    async def move(self, move: Move, *, process: ProcessRecord | None = None) -> bool:
        """Make a move, with the `process` of the run written down.

        False, and nothing changed, if the run may not go there (it is over, say). Waits, as
        `finish` does, for a database that cannot be written now.
        """
        ...

    async def finish(
        self,
        run_id: str,
        outcome: RunOutcome,
        events: Sequence[NewEvent],
        *,
        now: str,
        started_at: str | None = None,
        before: Sequence[tuple[str | None, NewEvent]] = (),
    ) -> list[StoredEvent] | None:
        """End the run by compare-and-set; None, and nothing stored, if it was over already.

        Its pending approvals are voided with it. Returns the events of its conversation that
        it stored: those of `before`, which are given with their runs, first. A move that they
        tell of is passed over: this goes further, and knows when the run was `started_at`.
        """
        ...

    async def edit(
        self, run_id: str, prompt: str, events: Sequence[NewEvent]
    ) -> list[StoredEvent] | None:
        """Give a run that waits another prompt; None, and nothing changed, if it waits no more."""
        ...

    async def reorder(self, agent_id: str, run_ids: Sequence[str]) -> bool:
        """Let the agent's waiting runs go in this order; False unless they are just these."""
        ...

    async def note_tree(self, run_id: str, tree: str) -> None:
        """Keep how the agent's folder was when the run began."""
        ...

    async def usage(self, by: str, *, since: str, agent_id: str | None) -> list[UsageSum]:
        """What the runs since the time `since` have used, summed `by` a key.

        The key is agent, conversation, model or day (UTC). Runs that began no process count too.
        """
        ...

    async def get(self, run_id: str) -> RunRecord:
        """One run; RecordNotFoundError if there is none."""
        ...

    async def version_before(self, run: NewRun) -> str | None:
        """The CLI's version in the conversation's last run before `run` that knows it."""
        ...

    async def by_idempotency_key(self, agent_id: str, key: str) -> str | None:
        """The id of the agent's run that was accepted with `key`."""
        ...

    async def of_agent(self, agent_id: str, *, since: str = "", limit: int = ALL) -> list[str]:
        """The ids of an agent's newest runs, newest first, back to the run `since`."""
        ...

    async def of_conversation(self, conversation_id: str) -> list[str]:
        """The ids of a conversation's runs, oldest first."""
        ...

    async def before(self, run_id: str, conversation_id: str, limit: int) -> list[RunRecord]:
        """The conversation's last runs of prompts that are older than `run_id`, newest first."""
        ...

    async def open_runs(self) -> list[RunRecord]:
        """Every run that is not over, in the order in which they are to run."""
        ...
