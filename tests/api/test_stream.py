"""The stream's promises, over real sockets: order, resume, snapshot, slow readers, headers."""

from __future__ import annotations

import json
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_runner.api import streams
from agent_runner.streams.native import Native
from tests.conftest import Script, Service
from tests.helpers.frames import blocks, data_of, replayed, seq_of

STREAM = {"Accept": "text/event-stream"}


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.005)


def execute(service: Service, script: Script, name: str = "worker") -> list[bytes]:
    body = {"prompt": json.dumps(script)}
    with (
        service.client(**STREAM) as client,
        client.stream("POST", f"/agents/{name}/execute", json=body) as response,
    ):
        return list(blocks(response))


def conversation_of(service: Service, name: str = "worker") -> dict[str, Any]:
    with service.client() as client:
        found: dict[str, Any] = client.get(f"/agents/{name}/conversation").json()["conversation"]
        return found


def test_a_run_streams_from_queued_to_finished(idle: Service) -> None:
    got = execute(idle, [{"text": "hello world", "deltas": 4}])
    kinds = [data_of(block)["type"] for block in got]
    assert kinds[0] == "run.queued"
    assert kinds[-1] == "run.finished"
    deltas = [data_of(b) for b in got if data_of(b)["type"] == "message.delta"]
    assert "".join(d["text"] for d in deltas) == "hello world"
    whole = next(data_of(b) for b in got if data_of(b)["type"] == "message.completed")
    assert {d["itemId"] for d in deltas} == {whole["itemId"]}
    seqs = [seq for block in got if (seq := seq_of(block)) is not None]
    assert seqs == list(range(1, len(seqs) + 1))
    assert all("seq" not in d for d in deltas)


def test_headers_keep_proxies_from_buffering(idle: Service) -> None:
    body = {"prompt": "x"}
    with (
        idle.client(**STREAM) as client,
        client.stream("POST", "/agents/worker/execute", json=body) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["cache-control"] == "no-store"
        response.read()


def test_heartbeat_is_a_comment_every_ten_seconds() -> None:
    assert streams.HEARTBEAT_S == 10
    assert Native.heartbeat == b": heartbeat\n\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_reader_that_was_cut_goes_on_byte_for_byte_after_a_restart(
    idle: Service, number: signal.Signals
) -> None:
    script: Script = [
        {"tool": "Bash", "input": {"n": n}, "output": "\r\n\u2028 ü"} for n in range(80)
    ]
    live = execute(idle, [*script, {"text": "end"}])
    conversation = conversation_of(idle)
    durable = [block for block in live if seq_of(block) is not None]
    random.seed(number)
    got: list[bytes] = []
    for cut in range(6):
        if cut == 3:
            idle.restart(number)
        headers = {"Last-Event-ID": str(seq_of(got[-1]))} if got else {}
        with (
            idle.client(**headers) as client,
            client.stream(
                "GET", f"/conversations/{conversation['conversationId']}/events"
            ) as response,
        ):
            want = random.randint(1, 25) if cut < 5 else len(durable) - len(got)
            for block in blocks(response):
                got.append(block)
                want -= 1
                if want == 0:
                    break
    assert b"".join(got) == b"".join(durable)


def test_live_readers_that_drop_and_come_back_miss_nothing(idle: Service, tmp_path: Path) -> None:
    """Readers cut and resume at random while the run goes on; all see the same bytes."""
    gate = tmp_path / "gate"
    script: Script = [{"text": f"block {n}", "deltas": 5} for n in range(200)]
    started = threading.Event()
    results: list[list[bytes]] = []

    def reader(seed: int) -> None:
        chance = random.Random(seed)
        got: list[bytes] = []
        done = False
        while not done:
            after = seq_of(got[-1]) if got else 0
            url = f"/conversations/{conversation}/events?after={after}"
            with idle.client() as client, client.stream("GET", url) as response:
                started.set()
                for block in blocks(response):
                    if seq_of(block) is None:
                        continue
                    got.append(block)
                    kind = data_of(block)
                    if kind["type"] == "run.finished" and kind["runId"] == last_run:
                        done = True
                        break
                    if chance.random() < 0.02:
                        break
        results.append(got)

    idle.run("first")
    conversation = conversation_of(idle)["conversationId"]
    run: list[httpx.Response] = []
    runner = threading.Thread(target=lambda: run.append(idle.run([{"wait": str(gate)}, *script])))
    runner.start()
    with idle.client() as client:
        wait_until(lambda: client.get("/agents/worker/execute/stream?after=999").status_code == 400)
        with client.stream("GET", "/agents/worker/execute/stream") as response:
            last_run = data_of(next(blocks(response)))["runId"]
    readers = [threading.Thread(target=reader, args=(seed,)) for seed in range(4)]
    for thread in readers:
        thread.start()
    started.wait()
    gate.touch()
    for thread in (runner, *readers):
        thread.join(30)
    with idle.client() as client:
        last = seq_of(results[0][-1])
        assert last is not None
        whole = replayed(client, conversation, last)
    assert [seq_of(block) for block in whole] == list(range(1, last + 1))
    assert len(results) == 4
    for got in results:
        assert b"".join(got) == b"".join(whole)


def test_who_comes_in_the_middle_gets_the_open_item_first(idle: Service, tmp_path: Path) -> None:
    gate, here = tmp_path / "gate", tmp_path / "here"
    start = {
        "type": "stream_event",
        "session_id": "s",
        "uuid": "u",
        "parent_tool_use_id": None,
    }
    begin = {
        **start,
        "event": {"type": "message_start", "message": {"id": "m1", "role": "assistant"}},
    }
    open_block = {
        **start,
        "event": {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
    }

    def delta(text: str) -> dict[str, Any]:
        inner = {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        }
        return {"line": json.dumps({**start, "event": inner})}

    script: Script = [
        {"line": json.dumps(begin)},
        {"line": json.dumps(open_block)},
        delta("one "),
        delta("two "),
        {"touch": str(here)},
        {"wait": str(gate)},
        delta("three"),
        {"text": "whole"},
    ]
    runner = threading.Thread(target=lambda: idle.run(script))
    runner.start()
    wait_until(here.exists)
    attach = "/agents/worker/execute/stream"
    with idle.client() as client, client.stream("GET", attach) as r:
        text = ""
        for block in blocks(r):
            text += data_of(block).get("text", "")
            if text == "one two ":
                break
    with idle.client() as client, client.stream("GET", attach) as r:
        got: list[dict[str, Any]] = []
        for block in blocks(r):
            event = data_of(block)
            if event["type"] == "item.snapshot":
                assert seq_of(block) is None
                gate.touch()
            got.append(event)
    runner.join(20)
    kinds = [event["type"] for event in got]
    snapshot = got[kinds.index("item.snapshot")]
    assert (snapshot["itemId"], snapshot["text"]) == ("m1:0", "one two ")
    deltas = [event for event in got if event["type"] == "message.delta"]
    assert "".join(event["text"] for event in deltas if event["itemId"] == "m1:0") == "three"
    assert kinds[-1] == "run.finished"


def test_a_slow_reader_is_closed_and_can_resume(idle: Service) -> None:
    idle.run("first")
    conversation = conversation_of(idle)["conversationId"]
    host, port = idle.url.removeprefix("http://").split(":")
    slow = socket.create_connection((host, int(port)))
    slow.sendall(
        f"GET /conversations/{conversation}/events HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {idle.token}\r\n\r\n".encode()
    )
    assert slow.recv(1)
    answer = idle.run([{"big": 60_000, "deltas": 1} for _ in range(400)])
    assert answer.json()["success"] is True
    total = 0
    slow.settimeout(20)
    while chunk := slow.recv(1 << 16):
        total += len(chunk)
    slow.close()
    last = conversation_of(idle)["lastEventSeq"]
    with idle.client() as client:
        whole = replayed(client, conversation, last)
    assert [seq_of(block) for block in whole] == list(range(1, last + 1))
    assert total < sum(map(len, whole))


@pytest.mark.parametrize(
    ("query", "header", "code"),
    [
        ("?after=x", None, "invalid_parameter"),
        ("?after=-1", None, "invalid_parameter"),
        ("?after=99999", None, "cursor_ahead"),
        ("", "abc", "invalid_cursor"),
        ("", "99999", "cursor_ahead"),
        ("?after=99999", "1", "cursor_ahead"),
    ],
)
def test_bad_cursors_are_refused_before_streaming(
    idle: Service, query: str, header: str | None, code: str
) -> None:
    idle.run("first")
    conversation = conversation_of(idle)["conversationId"]
    headers = {"Last-Event-ID": header} if header else {}
    with idle.client(**headers) as client:
        answer = client.get(f"/conversations/{conversation}/events{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] == code


def test_events_of_a_run_end_with_it(idle: Service) -> None:
    run_id = idle.run("first").json()["runId"]
    second = idle.run("second").json()["runId"]
    with idle.client() as client:
        for run in (run_id, second):
            with client.stream("GET", f"/runs/{run}/events") as response:
                events = [data_of(block) for block in blocks(response)]
            assert {event["runId"] for event in events} == {run}
            assert events[-1]["type"] == "run.finished"


def test_attach_without_a_run_says_so(idle: Service) -> None:
    with idle.client() as client:
        answer = client.get("/agents/worker/execute/stream")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_running")


def test_the_run_goes_on_when_its_caller_leaves(idle: Service, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    body = {"prompt": json.dumps([{"wait": str(gate)}, {"text": "still here"}])}
    with idle.client(**STREAM) as client:
        with client.stream("POST", "/agents/worker/execute", json=body) as response:
            run_id = data_of(next(blocks(response)))["runId"]
        gate.touch()
        wait_until(lambda: client.get(f"/runs/{run_id}").json()["status"] == "succeeded")
        assert client.get(f"/runs/{run_id}").json()["content"] == "still here"


def test_streams_are_capped(make_service: Callable[..., Service]) -> None:
    service = make_service(stream_clients=1)
    service.register()
    service.run("first")
    url = f"/conversations/{conversation_of(service)['conversationId']}/events"
    with service.client() as client, service.client() as other:
        with client.stream("GET", url) as response:
            held = blocks(response)
            next(held)
            answer = other.get(url)
            assert (answer.status_code, answer.json()["code"]) == (503, "too_many_streams")

        def free() -> bool:
            with service.client() as again, again.stream("GET", url) as response:
                return response.status_code == 200

        wait_until(free)


def test_an_unknown_dialect_is_refused_before_anything_is_run(idle: Service) -> None:
    headers = {"Accept": "text/event-stream", "Idempotency-Key": "dialect-1"}
    body = {"prompt": json.dumps([{"text": "x"}])}
    with idle.client(**headers) as client:
        refused = client.post("/agents/worker/execute?dialect=klingon", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_dialect")
        assert "native" in refused.json()["hint"]
        taken = client.post("/agents/worker/execute?dialect=native", json=body)
    assert taken.status_code == 200
    assert "Idempotent-Replayed" not in taken.headers, "the refused request has run"


def test_without_following_a_stream_ends_after_what_is_stored(idle: Service) -> None:
    execute(idle, [{"text": "one"}])
    conversation = conversation_of(idle)
    with idle.client(**STREAM) as client:
        body = {"prompt": json.dumps([{"text": "begun"}, {"hang": True}]), "busy": "queue"}
        with client.stream("POST", "/agents/worker/execute", json=body) as running:
            begun = next(b for b in blocks(running) if data_of(b)["type"] == "message.completed")
            run_id = data_of(begun)["runId"]
            path = f"/conversations/{conversation['conversationId']}/events?follow=false"
            with client.stream("GET", path) as response:
                whole = list(blocks(response))
            with client.stream("GET", f"/runs/{run_id}/events?follow=false") as response:
                of_run = list(blocks(response))
        client.post("/agents/worker/execute/cancel", json={})
        assert client.get(f"{path[:-5]}maybe").json()["code"] == "invalid_parameter"
    assert [seq_of(b) for b in whole] == list(range(1, len(whole) + 1))
    assert of_run == [b for b in whole if data_of(b)["runId"] == run_id]
    assert begun in of_run
