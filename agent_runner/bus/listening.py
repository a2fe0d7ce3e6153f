"""One reader's way through a conversation: what is stored, what is open, then what comes live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from agent_runner.bus.subscriber import Subscriber
from agent_runner.events.envelope import Envelope, Replayed, Snapshot, Stored


class Source(Protocol):
    """What is read: a channel."""

    def join(self, subscriber: Subscriber) -> int:
        """Have it offered what comes from now on; the seq of the last event before that."""
        ...

    def leave(self, subscriber: Subscriber) -> None:
        """Offer it nothing more."""
        ...

    def open_items(self, run_id: str | None) -> list[Snapshot]:
        """What there is of items that are not complete."""
        ...

    def pages(self, after: int, until: int, run_id: str | None) -> AsyncIterator[list[Replayed]]:
        """Stored events in order, several at a time."""
        ...


class Listening:
    """Begins after the event `after`; with `run_id` it has that run's alone. `close` it at the end.

    It joins and takes the present position in one step: no event is missed, or comes twice.
    """

    def __init__(
        self,
        source: Source,
        *,
        after: int,
        run_id: str | None = None,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self._source = source
        self._after = after
        self._run_id = run_id
        self._subscriber = Subscriber(wake)
        self._live_from = source.join(self._subscriber)
        self._snapshots = source.open_items(run_id)

    @property
    def over(self) -> bool:
        """True once nothing more will come: the reader fell too far behind, or the end is there."""
        return self._subscriber.over

    async def replayed(self) -> AsyncIterator[Sequence[Envelope]]:
        """What was stored before it joined, and the items that were open then."""
        async for page in self._source.pages(self._after, self._live_from, self._run_id):
            yield page
        if self._snapshots:
            yield self._snapshots

    async def take(self) -> list[Sequence[Envelope]] | None:
        """What has come live since, waiting for something; None when nothing will come."""
        envelopes = await self._subscriber.take()
        if not envelopes and not self._subscriber.lost_pieces:
            return None
        return self._batches(envelopes)

    def take_now(self) -> list[Sequence[Envelope]]:
        """What has come live since."""
        return self._batches(self._subscriber.take_now())

    def _batches(self, envelopes: list[Envelope]) -> list[Sequence[Envelope]]:
        """With a snapshot behind them in the place of pieces that were dropped.

        Taken together, so that the snapshot has just what was lost and no more.
        """
        snapshots: list[Snapshot] = []
        if self._subscriber.lost_pieces:
            snapshots = self._source.open_items(self._run_id)
            self._subscriber.lost_pieces = False
        if self._run_id is not None:
            envelopes = [one for one in envelopes if one.run_id == self._run_id]
        if self._after > self._live_from:
            envelopes = [one for one in envelopes if not _is_before(one, self._after)]
        return [batch for batch in (envelopes, snapshots) if batch]

    def close(self) -> None:
        """Nobody reads it any more."""
        self._source.leave(self._subscriber)


def _is_before(envelope: Envelope, after: int) -> bool:
    return isinstance(envelope, Stored) and envelope.seq <= after
