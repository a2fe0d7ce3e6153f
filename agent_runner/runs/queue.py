"""One run at a time for each agent, in the order of their acceptance unless it is changed."""

from __future__ import annotations

from collections.abc import Sequence

from agent_runner.errors import BusyError
from agent_runner.latch import Latch


class QueueSlot:
    """A run's place in an agent's queue. `ready` is set when it is at the front."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.ready = Latch()


class AgentQueue:
    """The runs of one agent; the first one is active."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._slots: list[QueueSlot] = []

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def waiting(self) -> list[str]:
        """The runs that wait, in their order."""
        return [slot.run_id for slot in self._slots if not slot.ready.is_set()]

    def check_room(self) -> None:
        """BusyError `queue_full` if no further run may wait."""
        if len(self._slots) > self._depth:
            raise BusyError(
                "queue_full",
                f"{self._depth} runs wait for this agent already",
                hint="try again when one of them is over",
            )

    def enter(self, run_id: str) -> QueueSlot:
        """Take the last place."""
        slot = QueueSlot(run_id)
        self._slots.append(slot)
        if len(self._slots) == 1:
            slot.ready.set()
        return slot

    def leave(self, slot: QueueSlot) -> None:
        """Give a place up, at the front or while waiting."""
        self._slots.remove(slot)
        if self._slots:
            self._slots[0].ready.set()

    def reorder(self, run_ids: Sequence[str]) -> None:
        """Let the runs that wait go in this order; one that has begun meanwhile stays in front."""
        places = {run_id: place for place, run_id in enumerate(run_ids)}
        first = [slot for slot in self._slots if slot.ready.is_set()]
        rest = [slot for slot in self._slots if not slot.ready.is_set()]
        rest.sort(key=lambda slot: places.get(slot.run_id, len(places)))
        self._slots = [*first, *rest]
