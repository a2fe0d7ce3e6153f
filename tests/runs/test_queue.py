"""One run at a time for each agent, first come, first served."""

from __future__ import annotations

import pytest

from agent_runner.errors import BusyError
from agent_runner.runs.queue import AgentQueue


def test_the_first_is_ready_and_each_other_when_those_before_it_left() -> None:
    queue = AgentQueue(5)
    first, second, third = queue.enter(), queue.enter(), queue.enter()
    assert [slot.ready.is_set() for slot in (first, second, third)] == [True, False, False]
    queue.leave(second)
    assert not third.ready.is_set()
    queue.leave(first)
    assert third.ready.is_set()
    queue.leave(third)
    assert len(queue) == 0


def test_so_many_may_wait_and_no_more() -> None:
    queue = AgentQueue(2)
    for _ in range(2):
        queue.check_room()
        queue.enter()
    queue.check_room()
    last = queue.enter()
    with pytest.raises(BusyError) as caught:
        queue.check_room()
    assert caught.value.code == "queue_full"
    queue.leave(last)
    queue.check_room()
