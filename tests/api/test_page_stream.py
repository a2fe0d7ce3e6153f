"""One stream for all that a page shows: what it carries, and how it goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest

from agent_runner.api.bodies import MalformedJsonError
from agent_runner.api.page_cursor import MOST_PLACES, PageCursor, parse
from tests.conftest import Service
from tests.helpers.frames import blocks, data_of

CONVERSATION = "conv_01a2301b5936000085196386230a"


def cursor_of(block: bytes) -> str:
    assert block.startswith(b"id: ")
    return block[4 : block.index(b"\n")].decode()


@contextmanager
def page(service: Service, **params: str) -> Iterator[Iterator[bytes]]:
    with (
        service.client() as client,
        client.stream("GET", "/stream", params=params, timeout=20) as response,
    ):
        assert response.status_code == 200, response.read()
        yield (block for block in blocks(response) if not block.startswith(b":"))


def until(frames: Iterator[bytes], holds: Callable[[dict[str, Any]], bool]) -> list[bytes]:
    """The frames up to the first whose data is so."""
    got = []
    for block in frames:
        if block.startswith(b":"):  # a heartbeat
            continue
        got.append(block)
        if holds(data_of(block)):
            return got
    raise AssertionError("the stream ended")


def is_finished(data: dict[str, Any]) -> bool:
    return bool(data["type"] == "run.finished")


def problem(service: Service, **params: str) -> tuple[int, str]:
    with service.client() as client:
        answer = client.get("/stream", params=params)
    return answer.status_code, answer.json()["code"]


def test_a_cursor_comes_back_as_it_went() -> None:
    cursor = PageCursor("store", CONVERSATION, {CONVERSATION: 7, "odd": 2**40}, {"fallback": 3})
    back = parse(cursor.text(), "store")
    assert (back.conversations, back.logs) == (cursor.conversations, cursor.logs)
    assert back.newest == CONVERSATION
    assert back.known_until < CONVERSATION
    for number in range(MOST_PLACES + 10):
        back.note(f"conv_{number:028x}", 1)
    assert len(back.conversations) == MOST_PLACES
    assert CONVERSATION not in back.conversations, "the longest unmoved goes first"
    assert len(back.text()) < 8000


@pytest.mark.parametrize("text", ["x", "a" * 20_000, "ünïcode", "gqFh", "lA", ""])
def test_nonsense_is_no_cursor(text: str) -> None:
    with pytest.raises(MalformedJsonError) as caught:
        parse(text, "store")
    assert caught.value.code == "invalid_cursor"


def test_a_cursor_of_another_store_is_refused(idle: Service) -> None:
    foreign = PageCursor("other", "", {CONVERSATION: 7}).text()
    assert problem(idle, cursor=foreign, feeds="agents") == (400, "foreign_cursor")
    assert problem(idle, cursor="nonsense") == (400, "invalid_cursor")
    assert problem(idle, feeds="gossip") == (400, "unknown_feed")
    assert problem(idle, agents="nobody") == (404, "agent_not_found")
    assert problem(idle, conversations="conv_none") == (404, "conversation_not_found")
    many = ",".join(f"conv_{n}" for n in range(MOST_PLACES + 1))
    assert problem(idle, conversations=many) == (400, "too_many_conversations")


def test_it_begins_with_what_it_carries_and_goes_on_where_it_was_cut(idle: Service) -> None:
    with page(idle, agents="worker", feeds="agents,health") as frames:
        opened = data_of(next(frames))
        assert opened == {
            "type": "stream.opened",
            "conversations": {},
            "feeds": ["agents", "health"],
            "agents": ["demo", "worker"],
        }
        seen = {data_of(next(frames))["type"] for _ in range(3)}
        assert seen == {"agent.changed", "health"}
        run = idle.run("hello").json()
        got = until(frames, is_finished)
    durable = [block for block in got if block.startswith(b"id: ")]
    assert [data_of(block)["seq"] for block in durable] == list(range(1, len(durable) + 1))
    middle = cursor_of(durable[1])
    with page(idle, agents="worker", cursor=middle) as frames:
        next(frames)
        again = until(frames, is_finished)
    assert again == durable[2:], "byte for byte, as live"
    conversation = run["conversationId"]
    with page(idle, conversations=conversation) as frames:
        assert data_of(next(frames))["conversations"] == {conversation: len(durable)}


def test_subscriptions_change_and_keep_their_places(idle: Service) -> None:
    idle.register("other")
    first, second = idle.run("one").json(), idle.run("two", "other").json()
    mine, others = first["conversationId"], second["conversationId"]
    with page(idle, conversations=f"{mine},{others}") as frames:
        cursor = cursor_of(next(frames))
    idle.run("three").json()
    idle.run("four", "other").json()
    with page(idle, conversations=mine, cursor=cursor) as frames:
        got = until(frames, is_finished)
        cursor = cursor_of(got[-1])
        assert {data_of(block)["conversationId"] for block in got[1:]} == {mine}
    with page(idle, conversations=f"{mine},{others}", cursor=cursor) as frames:
        got = until(frames, is_finished)
    kinds = [data_of(block) for block in got[1:]]
    assert {data["conversationId"] for data in kinds} == {others}
    assert kinds[0]["type"] == "run.queued"


def test_agents_tell_what_they_do(idle: Service) -> None:
    def state(data: dict[str, Any], wanted: str) -> bool:
        return bool(data["type"] == "agent.changed" and data["agent"]["state"] == wanted)

    with page(idle, feeds="agents") as frames:
        until(frames, lambda data: state(data, "idle"))
        with idle.client(Accept="text/event-stream") as client:
            body = {"prompt": json.dumps([{"ask": "Bash", "input": {"command": "ls"}}])}
            with client.stream("POST", "/agents/worker/execute", json=body):
                waiting = until(frames, lambda data: state(data, "waiting"))
                assert data_of(waiting[-1])["agent"]["pendingApprovals"] in (0, 1)
                with idle.client() as other:
                    other.post("/agents/worker/execute/cancel", json={})
                until(frames, lambda data: state(data, "idle"))
        with idle.client() as client:
            client.patch("/agents/worker", json={"name": "The worker"})
            until(frames, lambda d: d.get("agent", {}).get("name") == "The worker")
            idle.register("gone")
            until(frames, lambda d: d.get("agent", {}).get("agentId") == "gone")
            client.delete("/agents/gone")
        until(frames, lambda d: d == {"type": "agent.deleted", "agentId": "gone"})


def test_logs_come_with_their_feed_and_go_on(idle: Service) -> None:
    def force(reason: str) -> None:
        body = {"agentId": "worker", "reason": reason, "mode": "headless", "expiresMs": 60_000}
        with idle.client() as client:
            assert client.post("/api/fallback/agent/force", json=body).status_code == 200

    def told(data: dict[str, Any], reason: str) -> bool:
        return data.get("feed") == "fallback" and data.get("toggle", {}).get("reason") == reason

    with page(idle, feeds="fallback") as frames:
        cursor = cursor_of(next(frames))
        force("first")
        until(frames, lambda data: told(data, "first"))
    force("second")
    with page(idle, feeds="fallback", cursor=cursor) as frames:
        got = until(frames, lambda data: told(data, "second"))
    assert [data_of(block)["toggle"]["reason"] for block in got[1:]] == ["first", "second"]


def test_a_deleted_conversation_is_told_and_the_rest_goes_on(idle: Service) -> None:
    gone = idle.run("one").json()["conversationId"]
    with page(idle, agents="worker") as frames:
        next(frames)
        with idle.client() as client:
            assert client.delete(f"/conversations/{gone}").status_code == 204
        until(frames, lambda d: d == {"type": "conversation.deleted", "conversationId": gone})
        kept = idle.run("two").json()["conversationId"]
        assert data_of(until(frames, is_finished)[-1])["conversationId"] == kept


def test_deltas_are_streamed_and_who_joins_in_the_middle_gets_a_snapshot(idle: Service) -> None:
    wait = idle.cwd / "go-on"
    script = [{"streamed": ["one ", "two"], "then_wait": str(wait)}]
    with idle.client(Accept="text/event-stream") as client:
        body = {"prompt": json.dumps(script)}
        with client.stream("POST", "/agents/worker/execute", json=body) as response:
            own = blocks(response)
            until(own, lambda data: str(data.get("text")).endswith("two"))
            with page(idle, agents="worker") as frames:
                snapshot = until(frames, lambda data: data["type"] == "item.snapshot")
                assert data_of(snapshot[-1])["text"] == "one two"
                assert not snapshot[-1].startswith(b"id:")
                wait.touch()
                until(frames, is_finished)


def test_a_stopped_service_ends_it_at_once(service: Service) -> None:
    service.register()
    with page(service, feeds="agents,health") as frames:
        next(frames)
        begun = time.monotonic()
        service.stop()
        with suppress(httpx.TransportError):
            list(frames)
        assert time.monotonic() - begun < 15
