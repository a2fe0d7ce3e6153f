"""Calls that are announced before they are written, what they change, and what a turn costs."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.acp.cost import SessionCost
from agent_runner.agents.acp.schema import UsageUpdate
from agent_runner.agents.base import Form
from tests.agents.sessions import Driver


def update(kind_: str, **fields: Any) -> dict[str, Any]:
    params = {"sessionId": "s", "update": {"sessionUpdate": kind_, "toolCallId": "t", **fields}}
    return {"jsonrpc": "2.0", "method": "session/update", "params": params}


@pytest.fixture
def driver() -> Driver:
    made = Driver("acp", Form.WARM, command=["agent"])
    made.take({"jsonrpc": "2.0", "id": 1, "result": {}})
    made.take({"jsonrpc": "2.0", "id": 2, "result": {"sessionId": "s"}})
    made.prompt("go")
    return made


ANNOUNCED = update("tool_call", title="bash", kind="execute", status="pending", rawInput={"a": 1})


def test_a_call_begins_with_all_that_is_said_of_it(driver: Driver) -> None:
    assert driver.take(ANNOUNCED) == []
    given = {"command": "ls"}
    (begun,) = driver.take(update("tool_call_update", status="in_progress", rawInput=given))
    assert (begun["type"], begun["name"], begun["title"]) == ("tool.started", "execute", "bash")
    assert begun["input"] == given


def test_a_question_begins_it(driver: Driver) -> None:
    driver.take(ANNOUNCED)
    call = {"toolCallId": "t", "title": "ls", "rawInput": {"command": "ls"}}
    question = {"sessionId": "s", "toolCall": call, "options": []}
    events = driver.take(
        {"jsonrpc": "2.0", "id": 9, "method": "session/request_permission", "params": question}
    )
    assert [event["type"] for event in events] == ["tool.started", "permission.requested"]
    assert events[0]["input"] == events[1]["input"] == {"command": "ls"}


def test_one_that_ends_at_once_has_both(driver: Driver) -> None:
    driver.take(ANNOUNCED)
    events = driver.take(update("tool_call_update", status="failed"))
    assert [event["type"] for event in events] == ["tool.started", "tool.completed"]


def test_one_of_which_nothing_more_came_is_told_at_the_end(driver: Driver) -> None:
    driver.take(ANNOUNCED)
    events = driver.take({"jsonrpc": "2.0", "id": 3, "result": {"stopReason": "cancelled"}})
    assert [event["type"] for event in events] == [
        *("tool.started", "tool.completed", "turn.completed")
    ]


def test_a_written_file_is_known_by_its_argument(driver: Driver) -> None:
    given = {"filePath": "/w/out.txt", "content": "x"}
    driver.take(update("tool_call", kind="edit", status="in_progress", rawInput=given))
    events = driver.take(update("tool_call_update", status="completed"))
    assert [event["path"] for event in events if event["type"] == "file.changed"] == ["/w/out.txt"]


def told(*amounts: Any, new: bool = True) -> list[float | None]:
    cost, costs = SessionCost(new=new), []
    for amount in amounts:
        cost.told(UsageUpdate(cost={"amount": amount, "currency": "USD"}))
        costs.append(cost.of_turn())
    return costs


def test_a_turn_costs_what_the_session_costs_more() -> None:
    assert told(0.25, 0.5, 0.5) == [0.25, 0.25, 0.0]
    assert told(0, 0) == [None, None], "an unknown price is told as nothing"
    assert told(0.5, 0.75, new=False) == [None, 0.25]
    assert told(0.5, 0.25) == [0.5, None]
    assert told("1", True, None) == [None] * 3


def test_the_tokens_of_a_turn(driver: Driver) -> None:
    usage = {"inputTokens": 7, "outputTokens": 3, "totalTokens": 12, "cachedReadTokens": 2}
    answer = {"stopReason": "end_turn", "usage": usage}
    verdict = driver.take({"jsonrpc": "2.0", "id": 3, "result": answer})[-1]
    assert verdict["usage"] == {"inputTokens": 7, "outputTokens": 3, "cacheReadTokens": 2}
