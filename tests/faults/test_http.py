"""Faults 57 to 61: requests that are malformed, endless, repeated, too many, or cut off."""

from __future__ import annotations

import json
import socket
import threading
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import ModuleService, Service
from tests.helpers.frames import data_of, replayed
from tests.helpers.sockets import answer, connect, head, post, reset, status
from tests.helpers.trial import wait_until

LIMIT = 10_000


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service(
        body_bytes=LIMIT, constants={"agent_runner.api.security.BODY_TIMEOUT_S": 0.5}
    )
    service.register()
    return service


@pytest.fixture(autouse=True)
def still_up(live: Service) -> Any:
    yield
    assert live.run("still up").json()["content"] == "echo: still up"


@pytest.mark.fault(57)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"prompt": "x"',
        b"\xff\xfe",
        b'{"prompt": "\\ud800"}',
        b'{"prompt": NaN}',
        b"[" * 5000,
        b'{"prompt": 1}',
        b'{"prompt": null}',
        b'["prompt"]',
        b'{"prompt": "x", "promt": "y"}',
        b'{"prompt": "x", "timeoutMs": "1"}',
        b'{"prompt": "x", "timeoutMs": 1e999}',
        b'{"prompt": "x", "timeoutMs": ' + b"9" * 5000 + b"}",
    ],
)
@pytest.mark.parametrize("path", ["/agents/register", "/agents/worker/execute"])
def test_malformed_json_wrong_type_unknown_field(live: Service, path: str, body: bytes) -> None:
    with live.client(**{"Content-Type": "application/json"}) as client:
        refusal = client.post(path, content=body)
    assert 400 <= refusal.status_code < 500
    assert refusal.headers["content-type"] == "application/problem+json"
    assert refusal.json()["code"] in ("invalid_json", "invalid_body")


@pytest.mark.fault(58)
@pytest.mark.parametrize("chunked", [False, True])
def test_body_over_the_cap(live: Service, chunked: bool) -> None:
    with connect(live) as connection:
        if chunked:
            headers = {"Content_Type": "application/json", "Transfer_Encoding": "chunked"}
            connection.sendall(head(live, "POST", "/agents/worker/execute", **headers))
            for _ in range(LIMIT // 1000 + 1):
                connection.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        else:
            connection.sendall(post(live, "/agents/worker/execute", {"prompt": "x" * LIMIT}))
        assert status(connection) == 413


@pytest.mark.fault(58)
@pytest.mark.parametrize("slowly", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_body_that_never_ends(live: Service, chunked: bool, slowly: bool) -> None:
    """It is answered, and its connection ended, whether the client says nothing or a little."""
    length = {"Transfer_Encoding": "chunked"} if chunked else {"Content_Length": "100"}
    piece = b"1\r\nx\r\n" if chunked else b"x"
    with connect(live) as connection:
        headers = {"Content_Type": "application/json", **length}
        connection.sendall(head(live, "POST", "/agents/worker/execute", **headers) + piece)
        if slowly:
            connection.settimeout(0.1)
            data = b""
            while b"\r\n\r\n" not in data:
                connection.sendall(piece)
                try:
                    data += connection.recv(1 << 16)
                except TimeoutError:
                    continue
            code = int(data.split(b" ", 2)[1])
        else:
            code, data = answer(connection)
    assert code == 408
    assert b"body_timeout" in data or slowly
    assert b"\r\nconnection: close\r\n" in data.lower()


@pytest.mark.fault(59)
def test_the_same_idempotency_key(live: Service) -> None:
    live.register("idempotent")
    body = {"prompt": "once"}
    with live.client(**{"Idempotency-Key": "key-1"}) as client:
        first = client.post("/agents/idempotent/execute", json=body).json()
        again = client.post("/agents/idempotent/execute", json=body).json()
        other = client.post("/agents/idempotent/execute", json={"prompt": "twice"})
    assert first["runId"] == again["runId"]
    assert again["content"] == "echo: once"
    assert other.status_code == 409


@pytest.mark.fault(60)
def test_a_second_turn_while_busy(live: Service, tmp_path: Path) -> None:
    """It waits: there are never two at once."""
    live.register("busy")
    gate = live.cwd / "gate"

    def script(number: int) -> list[dict[str, Any]]:
        inside = str(live.cwd / f"inside {number}")
        return [{"touch": inside}, {"wait": str(gate)}, {"text": str(number)}]

    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(live.run(script(n), "busy")))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(prompts(live, "busy")) == len(threads))
    wait_until(lambda: bool(list(live.cwd.glob("inside *"))))
    # What would begin too early has begun by the time that a later run is over.
    live.register("later")
    assert live.run("hello", "later").json()["success"]
    assert len(list(live.cwd.glob("inside *"))) == 1
    gate.touch()
    for thread in threads:
        thread.join(30)
    assert sorted(reply.json()["content"] for reply in answers) == ["0", "1", "2", "3"]
    conversation = answers[0].json()["conversationId"]
    with live.client() as client:
        last = client.get(f"/conversations/{conversation}").json()["conversation"]["lastEventSeq"]
        kinds = [data_of(block)["type"] for block in replayed(client, conversation, last)]
    steps = [kind for kind in kinds if kind in ("run.started", "run.finished")]
    assert steps == ["run.started", "run.finished"] * len(threads)


@pytest.mark.fault(61)
def test_client_drops_during_the_post(live: Service) -> None:
    """Cut anywhere: a prompt that was not whole is absent, a whole one is recorded and answered."""
    live.register("dropped")
    path = "/agents/dropped/execute"
    gate = live.cwd / "the dropped may end"

    def prompt(number: int) -> str:
        return json.dumps([{"wait": str(gate)}, {"text": f"answer {number:02}"}])

    whole = len(post(live, path, {"prompt": prompt(0)}))
    cuts = [1, 20, whole // 2, whole - 30, whole - 2, whole - 1, whole, whole]
    for number, cut in enumerate(cuts):
        request = post(live, path, {"prompt": prompt(number)})
        connection = connect(live)
        connection.sendall(request[:cut])
        if cut == whole:
            # A reset may overtake what was sent: wait until the service has it.
            count = cuts[: number + 1].count(whole)
            wait_until(partial(recorded, live, count))
        (reset if number % 2 else socket.socket.close)(connection)
    # The runs end when the service knows that nobody is there any more.
    process = psutil.Process(live.process.pid)
    wait_until(lambda: {c.status for c in process.net_connections("tcp")} == {psutil.CONN_LISTEN})
    gate.touch()
    kept = [number for number, cut in enumerate(cuts) if cut == whole]
    last = live.run("the last", "dropped")
    assert last.json()["success"]
    assert prompts(live, "dropped") == [*map(prompt, kept), "the last"]
    with live.client() as client:
        turns = client.get("/agents/dropped/conversation").json()["turns"]
    answers = [turn["content"] for turn in turns if turn["role"] == "assistant"]
    assert answers == [*(f"answer {number:02}" for number in kept), "echo: the last"]


def recorded(service: Service, count: int) -> bool:
    return len(prompts(service, "dropped")) == count


def prompts(service: Service, agent: str) -> list[str]:
    """The prompts that the agent has on record, in order."""
    with service.client() as client:
        turns = client.get(f"/agents/{agent}/conversation").json()["turns"]
    return [turn["content"] for turn in turns if turn["role"] == "user"]


@pytest.mark.fault(69)
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.com"}, "host_not_allowed"),
        ({"Host": "127.0.0.1.evil.com"}, "host_not_allowed"),
        ({"Host": "evil.com@127.0.0.1"}, "host_not_allowed"),
        ({"Origin": "http://evil.com"}, "origin_not_allowed"),
        ({"Origin": "null"}, "origin_not_allowed"),
        ({"Sec-Fetch-Site": "cross-site"}, "origin_not_allowed"),
    ],
)
def test_evil_host_or_origin(live: Service, headers: dict[str, str], code: str) -> None:
    with live.client(**headers) as client:
        for refusal in (
            client.get("/agents"),
            client.post("/agents/worker/execute", json={"prompt": "evil"}),
        ):
            assert (refusal.status_code, refusal.json()["code"]) == (403, code)
    assert "evil" not in prompts(live, "worker")


@pytest.mark.fault(69)
@pytest.mark.parametrize(
    "cwd",
    [
        "{root}/..",
        "{root}/inside/../..",
        "{root}/link",
        "{root}/link/passwd",
        "{root}-beside",
        "/etc",
        "inside",
        "../../etc",
        "file:///etc",
    ],
)
def test_traversal_in_a_cwd(live: Service, cwd: str) -> None:
    (live.cwd / "inside").mkdir(exist_ok=True)
    live.cwd.with_name(f"{live.cwd.name}-beside").mkdir(exist_ok=True)
    if not (live.cwd / "link").exists():
        (live.cwd / "link").symlink_to("/etc")
    body = {"agentId": "evil", "type": "claude-code", "cwd": cwd.format(root=live.cwd)}
    with live.client() as client:
        refusal = client.post("/agents/register", json=body)
        assert refusal.status_code in (403, 422), refusal.text
        assert refusal.json()["code"] in ("cwd_not_allowed", "invalid_cwd")
        assert client.get("/agents/evil").status_code == 404


@pytest.mark.fault(69)
@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/agents/../../etc/passwd",
        "/agents/..%2f..%2fetc%2fpasswd",
        "/runs/..%2f..%2fetc%2fpasswd/events",
        "/conversations/%2e%2e%2f%2e%2e/events",
        "/runs/%00/events",
        "//etc/passwd",
    ],
)
def test_traversal_in_a_path(live: Service, path: str) -> None:
    with connect(live) as connection:
        connection.sendall(head(live, "GET", path, Connection="close"))
        code, data = answer(connection)
    assert code == 404
    assert b"root:" not in data
