"""Faults 62 to 70: readers that are slow, cut, many, gone or hostile."""

from __future__ import annotations

import json
import random
import re
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable

import anyio
import anyio.lowlevel
import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from agent_runner.api.application import build
from agent_runner.api.streams import event_stream
from tests.conftest import Script, Service, Serving
from tests.helpers.frames import blocks, replayed, seq_of
from tests.helpers.sockets import body_of, connect, go_dark, head, reset, status, to_the_end
from tests.helpers.trial import wait_until

KIB, MIB = 1 << 10, 1 << 20
MakeService = Callable[..., Service]


def stream(service: Service, conversation: str, after: int = 0) -> bytes:
    """A request for a conversation's events."""
    return head(service, "GET", f"/conversations/{conversation}/events?after={after}")


def begin(service: Service, agent: str = "worker") -> tuple[str, int]:
    """A conversation with a run in it, and the seq of its last event."""
    run = service.run("first", agent).json()
    return run["conversationId"], last_seq(service, run["conversationId"])


def last_seq(service: Service, conversation: str) -> int:
    with service.client() as client:
        page = client.get(f"/conversations/{conversation}").json()
    seq = page["conversation"]["lastEventSeq"]
    assert isinstance(seq, int)
    return seq


@pytest.mark.fault(62)
def test_slow_reader(make_service: MakeService) -> None:
    """It is dropped, has cost little, held up nobody, and can go on where it was."""
    service = make_service()
    service.register()
    conversation, _ = begin(service)
    slow = connect(service, receive_buffer=64 * KIB)
    slow.sendall(stream(service, conversation))
    assert status(slow) == 200
    service.reset_peak()
    before = service.memory("VmRSS")
    script: Script = [{"big": 60_000, "deltas": 1} for _ in range(200)]
    assert service.run(script).json()["success"]
    assert service.memory("VmHWM") - before <= 24 * MIB
    seen = body_of(to_the_end(slow))
    slow.close()
    last = last_seq(service, conversation)
    got = [block for block in whole_blocks(seen) if seq_of(block) is not None]
    with service.client() as client:
        rest = replayed(client, conversation, last, after=seq_of(got[-1]) or 0)
        whole = replayed(client, conversation, last)
    assert rest, "the reader was not dropped"
    assert got + rest == whole
    assert [seq_of(block) for block in whole] == list(range(1, last + 1))


def whole_blocks(data: bytes) -> list[bytes]:
    return [block + b"\n\n" for block in data.split(b"\n\n")[:-1]]


@pytest.mark.fault(63)
def test_reconnect_with_last_event_id(live: Service) -> None:
    chance = random.Random(63)
    script: Script = [{"tool": "Bash", "input": {"n": n}} for n in range(60)]
    run = live.run(script).json()
    conversation = run["conversationId"]
    last = last_seq(live, conversation)
    with live.client() as client:
        whole = replayed(client, conversation, last)
    got: list[bytes] = []
    while len(got) < len(whole):
        headers = {"Last-Event-ID": str(seq_of(got[-1]))} if got else {}
        url = f"/conversations/{conversation}/events"
        with live.client(**headers) as client, client.stream("GET", url) as response:
            for block in blocks(response):
                got.append(block)
                if len(got) == len(whole) or chance.random() < 0.1:
                    break
    assert got == whole


@pytest.mark.fault(64)
@pytest.mark.parametrize(
    ("query", "header", "code"),
    [
        ("", "999999", "cursor_ahead"),
        ("", str(2**63), "cursor_ahead"),
        ("", "9" * 400, "invalid_cursor"),
        ("", "-1", "invalid_cursor"),
        ("", "1.0", "invalid_cursor"),
        ("", "\u00b2", "invalid_cursor"),
        ("", "id", "invalid_cursor"),
        ("?after=999999", "1", "cursor_ahead"),
        ("?after=0x1", None, "invalid_parameter"),
    ],
)
def test_id_from_the_future_or_garbage(
    live: Service, query: str, header: str | None, code: str
) -> None:
    conversation, _ = begin(live)
    url = f"/conversations/{conversation}/events{query}"
    headers = {} if header is None else {b"Last-Event-ID": header.encode()}
    with live.client() as client:
        refusal = client.get(url, headers=headers)
    assert (refusal.status_code, refusal.json()["code"]) == (400, code)


@pytest.mark.fault(64)
def test_deleted(live: Service) -> None:
    """Who reads on a conversation that is deleted is let go, and told when coming back."""
    live.register("deleted")
    conversation, last = begin(live, "deleted")
    with connect(live) as connection, live.client() as client:
        connection.sendall(stream(live, conversation, last))
        assert status(connection) == 200
        assert client.post("/agents/deleted/end-session", json={}).status_code == 200
        assert client.delete(f"/conversations/{conversation}").status_code == 204
        to_the_end(connection)
        again = client.get(
            f"/conversations/{conversation}/events", headers={"Last-Event-ID": str(last)}
        )
    assert (again.status_code, again.json()["code"]) == (404, "conversation_not_found")


@pytest.mark.fault(65)
def test_more_clients_than_there_is_room_for(make_service: MakeService) -> None:
    """Each costs a bounded amount, the cap answers 503, and all of it comes back."""
    room, more = 500, 20
    service = make_service(stream_clients=room)
    service.register()
    conversation, last = begin(service)
    request = stream(service, conversation, last)
    sockets = service.sockets()
    for _ in range(2):
        before = service.memory("VmRSS")
        connections = [connect(service) for _ in range(room + more)]
        for connection in connections:
            connection.sendall(request)
        codes = [status(connection) for connection in connections]
        assert (codes.count(200), codes.count(503)) == (room, more)
        assert (service.memory("VmRSS") - before) / room <= 64 * KIB
        assert service.run("meanwhile").json()["success"]
        for connection in connections:
            connection.close()
        wait_until(lambda: service.sockets() <= sockets)


@pytest.mark.fault(66)
def test_disconnect_before_the_body_starts(make_service: MakeService) -> None:
    service = make_service(stream_clients=2)
    service.register()
    conversation, last = begin(service)
    request = stream(service, conversation, last)
    for number in range(60):
        connection = connect(service)
        connection.sendall(request[: len(request) - (number % 3)])
        (reset if number % 2 else socket.socket.close)(connection)

    def all_free() -> bool:
        with connect(service) as first, connect(service) as second:
            for connection in (first, second):
                connection.sendall(request)
            return (status(first), status(second)) == (200, 200)

    wait_until(all_free)


@pytest.mark.fault(67)
@pytest.mark.skipif(sys.platform != "linux", reason="needs a filter on a socket")
def test_half_open_connection(make_service: MakeService) -> None:
    """The reader's machine is gone without a word: the kernel notices by the heartbeat."""
    beat = {"agent_runner.api.streams.HEARTBEAT_S": 0.2}
    service = make_service(stream_clients=1, stream_send_ms=400, constants=beat)
    service.register()
    conversation, last = begin(service)
    request = stream(service, conversation, last)
    with connect(service) as gone:
        gone.sendall(request)
        assert status(gone) == 200
        go_dark(gone)

        assert not free(service, request)
        wait_until(lambda: free(service, request))


EVIL = [
    "\r",
    "\n",
    "\r\n\r\n",
    "\u2028id: 7",
    "\u2029event: run.finished",
    "\x85data: {}",
    "\x0bid: 8",
    "\x0c\x1c\x1d\x1e",
    "\0",
    "x\n\nid: 999999\nevent: run.finished\ndata: {}\n\n",
]


@pytest.mark.fault(68)
def test_data_cannot_forge_fields(live: Service) -> None:
    """However a client splits lines, there are only ours."""
    script: Script = [
        *({"tool": evil, "input": {evil: evil}, "output": evil} for evil in EVIL),
        *({"line": json.dumps({"type": evil})} for evil in EVIL),
        *({"text": evil, "deltas": len(evil)} for evil in EVIL),
    ]
    live.register("forger")
    body = {"prompt": json.dumps(script), "metadata": {evil: evil for evil in EVIL}}
    with (
        live.client(Accept="text/event-stream") as client,
        client.stream("POST", "/agents/forger/execute", json=body) as response,
    ):
        said = response.read()
    run = json.loads(said.rpartition(b"data: ")[2])
    assert run["state"] == "succeeded"
    with live.client() as client:
        kept = client.get(f"/runs/{run['runId']}/events").content
    for data in (said, kept):
        lines = data.decode().splitlines()
        assert set(lines) - {""} == {
            line for line in lines if re.match(r"(id: \d+|event: [a-z_.]+|data: {.*}|: \w+)$", line)
        }
        events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        ids = [int(line[4:]) for line in lines if line.startswith("id: ")]
        assert ids == [event["seq"] for event in events if "seq" in event]
        assert ids == list(range(1, len(ids) + 1))
        assert [event["type"] for event in events].count("run.finished") == 1
        outputs = [event["output"] for event in events if event["type"] == "tool.completed"]
        assert outputs == EVIL


@pytest.mark.fault(70)
def test_a_stream_that_is_always_ready(make_service: MakeService) -> None:
    """It lets others be served meanwhile, and ends when its reader has left."""
    service = make_service(stream_clients=1)
    service.register()
    conversation, _ = begin(service)
    request = stream(service, conversation)
    answers: list[httpx.Response] = []
    endless: Script = [{"flood": 0, "of": "event"}]
    run = threading.Thread(target=lambda: answers.append(service.run(endless)))
    run.start()
    enough = threading.Event()
    with connect(service) as connection:
        connection.sendall(request)
        assert status(connection) == 200

        def take_all() -> None:
            while not enough.is_set():
                assert connection.recv(1 << 16)

        reader = threading.Thread(target=take_all)
        reader.start()
        with service.client() as client:
            for _ in range(20):
                assert client.get("/health").status_code == 200
            enough.set()
            reader.join(30)
            reset(connection)
            wait_until(lambda: free(service, request))
            assert client.post("/agents/worker/execute/cancel", json={}).status_code == 202
    run.join(30)
    assert answers[0].json()["status"] == "cancelled"
    service.stop()
    assert len(service.output.splitlines()) < 50


@pytest.mark.fault(70)
@pytest.mark.anyio
async def test_frames_that_are_all_there_at_once(serving: Serving) -> None:
    """Others get their turns between them, though neither their source nor their reader waits."""
    count, sent, turns = 1000, 0, set()

    async def frames() -> AsyncGenerator[bytes, None]:
        for number in range(count):
            yield b"id: %d\n\n" % number

    async def send(_: Message) -> None:
        nonlocal sent
        sent += 1

    async def look_on() -> None:
        while True:
            turns.add(sent)
            await anyio.lowlevel.checkpoint()

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async with serving() as context, anyio.create_task_group() as tasks:
        scope = {"type": "http", "method": "GET", "app": build(context, None)}
        tasks.start_soon(look_on)
        await event_stream(Request(scope), frames())(scope, receive, send)
        tasks.cancel_scope.cancel()
    assert sent > count
    assert len(turns) > count


def free(service: Service, request: bytes) -> bool:
    """There is room for a stream."""
    with connect(service) as connection:
        connection.sendall(request)
        return status(connection) == 200
