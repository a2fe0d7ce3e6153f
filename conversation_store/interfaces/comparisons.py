"""What a store does for comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from conversation_store.records import (
    ComparisonDetail,
    ComparisonRecord,
    ComparisonResult,
    NewComparison,
)
from conversation_store.states import Verdict

BEGINNING, END = "0", "~"
"""Before and after every time."""


class Comparisons(Protocol):
    """One row for each comparison that was begun or skipped; it goes with its conversation."""

    async def begin(self, new: NewComparison) -> None:
        """Write down that a comparison is made, or skipped."""
        ...

    async def finish(self, comparison_id: str, result: ComparisonResult, *, now: str) -> bool:
        """Commit the end of a comparison; False if it is over, or gone with its conversation."""
        ...

    async def skip_running(self, because: str, *, now: str) -> int:
        """End what an earlier service had begun; returns how many that were."""
        ...

    async def empty_old(self, *, before: str, limit: int) -> int:
        """Remove both outputs of up to `limit` comparisons begun earlier; how many those were."""
        ...

    async def get(self, comparison_id: str) -> ComparisonDetail:
        """One comparison, with both outputs while they are kept; RecordNotFoundError if none."""
        ...

    async def page(
        self,
        *,
        since: str = BEGINNING,
        until: str = END,
        agent_id: str | None = None,
        agent_type: str | None = None,
        verdicts: Sequence[Verdict] = (),
        before: str | None = None,
        limit: int,
    ) -> list[ComparisonRecord]:
        """Those begun in [since, until), newest first, older than the id `before`.

        With `verdicts` (at most three) only those that ended so.
        """
        ...

    async def history(self, conversation_id: str, kind: str) -> tuple[str | None, int]:
        """The CLI session of the conversation's last mirror, and how many turns it has seen."""
        ...
