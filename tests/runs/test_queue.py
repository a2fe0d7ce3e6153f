"""One run at a time for each agent, first come, first served."""

from __future__ import annotations

import pytest

from agent_runner.errors import BusyError
from agent_runner.runs.queue import AgentQueue


def test_the_first_is_ready_and_each_other_when_those_before_it_left() -> None:
    queue = AgentQueue(5)
    first, second, third = (queue.enter(name) for name in "abc")
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
        queue.enter("a")
    queue.check_room()
    last = queue.enter("b")
    with pytest.raises(BusyError) as caught:
        queue.check_room()
    assert caught.value.code == "queue_full"
    queue.leave(last)
    queue.check_room()


def test_those_that_wait_change_their_order_and_the_first_stays() -> None:
    queue = AgentQueue(5)
    slots = {name: queue.enter(name) for name in "abcd"}
    queue.reorder(["d", "b", "c"])
    assert queue.waiting == ["d", "b", "c"]
    queue.leave(slots["a"])
    assert slots["d"].ready.is_set()
    queue.reorder(["c", "d", "b"])
    assert queue.waiting == ["c", "b"], "what has begun meanwhile stays in front"
    queue.leave(slots["d"])
    assert slots["c"].ready.is_set()
