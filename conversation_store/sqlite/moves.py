"""A run's moves between its active states."""

from __future__ import annotations

from collections.abc import Sequence

from conversation_store.records import Move, NewEvent
from conversation_store.sqlite.units import Transaction
from conversation_store.states import sources_of


def move_run(transaction: Transaction, move: Move) -> bool:
    """Go to the last target; False, and nothing changed, if the run may not go to the first."""
    sources = sources_of(move.targets[0])
    moved = transaction.change(
        "move_run",
        {
            "run_id": move.run_id,
            "state": move.targets[-1],
            "started_at": move.now,
            "form": move.form,
            "source_1": sources[0],
            "source_2": sources[-1],
        },
    )
    return bool(moved)


def make_moves(transaction: Transaction, batch: Sequence[tuple[str | None, NewEvent]]) -> None:
    """Make the moves of which the events of `batch` tell."""
    for _, event in batch:
        if event.move is not None:
            move_run(transaction, event.move)
