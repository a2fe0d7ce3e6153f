"""One run at a time for each agent, first come, first served."""

from __future__ import annotations

from collections import deque

from agent_runner.errors import BusyError
from agent_runner.latch import Latch


class QueueSlot:
    """A place in an agent's queue. `ready` is set when it is at the front."""

    def __init__(self) -> None:
        self.ready = Latch()


class AgentQueue:
    """The runs of one agent in the order of their acceptance; the first one is active."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._tickets: deque[QueueSlot] = deque()

    def __len__(self) -> int:
        return len(self._tickets)

    def check_room(self) -> None:
        """BusyError `queue_full` if no further run may wait."""
        if len(self._tickets) > self._depth:
            raise BusyError(
                "queue_full",
                f"{self._depth} runs wait for this agent already",
                hint="try again when one of them is over",
            )

    def enter(self) -> QueueSlot:
        """Take the last place."""
        slot = QueueSlot()
        self._tickets.append(slot)
        if len(self._tickets) == 1:
            slot.ready.set()
        return slot

    def leave(self, slot: QueueSlot) -> None:
        """Give a place up, at the front or while waiting."""
        self._tickets.remove(slot)
        if self._tickets:
            self._tickets[0].ready.set()
