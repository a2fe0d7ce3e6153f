"""What is refused before the gate is asked: each with a problem, and the next request served."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import ModuleService, Service
from tests.helpers.sockets import connect, everything, head, post, status

LIMIT = 4096


@pytest.fixture(scope="module")
def service(module_service: ModuleService) -> Service:
    return module_service(head_bytes=LIMIT, pipelined=2)


@pytest.fixture
def hasty(make_service: Callable[..., Service]) -> Service:
    """One that does not wait."""
    return make_service(head_ms=300, keep_alive_ms=300)


@pytest.fixture(autouse=True)
def still_up(service: Service) -> Iterator[None]:
    yield
    with connect(service) as connection:
        connection.sendall(head(service, "GET", "/health"))
        assert status(connection) == 200


def asked(service: Service, data: bytes) -> list[tuple[int, dict[str, Any]]]:
    """The answers to `data`, with their JSON, until the service closes the connection."""
    with connect(service) as connection:
        connection.sendall(data)
        return answers(everything(connection))


def answers(data: bytes) -> list[tuple[int, dict[str, Any]]]:
    found = []
    while data:
        top, _, rest = data.partition(b"\r\n\r\n")
        lines = dict(line.lower().split(b": ", 1) for line in top.split(b"\r\n")[1:])
        length = int(lines[b"content-length"])
        document = json.loads(rest[:length])
        code = int(top.split(b" ", 2)[1])
        if code >= 400:
            assert lines[b"content-type"] == b"application/problem+json"
            assert document["status"] == code
            assert document["hint"]
        found.append((code, document))
        data = rest[length:]
    return found


def refused(service: Service, data: bytes) -> tuple[int, str]:
    """How the last thing in `data` is refused."""
    status_code, document = asked(service, data)[-1]
    return status_code, document["code"]


def good(service: Service, *lines: str) -> bytes:
    """A request with these header lines."""
    text = "".join(f"{line}\r\n" for line in lines)
    return head(service, "GET", "/health")[:-2] + text.encode() + b"\r\n"


def test_a_head_up_to_the_limit_is_served(service: Service) -> None:
    used = len(good(service, "X: ", "Connection: close"))
    at_limit = good(service, "X: " + "x" * (LIMIT - used), "Connection: close")
    assert len(at_limit) == LIMIT
    assert asked(service, at_limit)[0][0] == 200
    over = good(service, "X: " + "x" * (LIMIT - used + 2), "Connection: close")
    assert refused(service, over) == (431, "head_too_large")


def test_the_next_head_is_bounded_as_the_first(service: Service) -> None:
    first = good(service)
    over = good(service, "X: " + "x" * LIMIT)
    assert [code for code, _ in asked(service, first + over)] == [200, 431]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET /" + b"x" * LIMIT + b" HTTP/1.1\r\n", (414, "url_too_long")),
        (b"GET /" + b"x" * LIMIT, (414, "url_too_long")),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * LIMIT, (431, "head_too_large")),
        (b"GET / HTTP/1.1\r\n" + b"x" * LIMIT, (431, "head_too_large")),
        (b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 200, (431, "head_too_large")),
        (b"\r\n" * LIMIT, (431, "head_too_large")),
    ],
)
def test_a_head_without_an_end(service: Service, data: bytes, expected: tuple[int, str]) -> None:
    assert refused(service, data) == expected


@pytest.mark.parametrize(
    "after", [b"1;x=" + b"x" * LIMIT, b"0\r\nX: " + b"x" * LIMIT, b"0\r\n" + b"a:b\r\n" * 900]
)
def test_what_stands_around_a_body_is_bounded_too(service: Service, after: bytes) -> None:
    headers = {"Content_Type": "application/json", "Transfer_Encoding": "chunked"}
    start = head(service, "POST", "/replies", **headers)
    assert refused(service, start + after) == (431, "head_too_large")


def test_a_head_that_does_not_come(hasty: Service) -> None:
    for begun in (b"", b"\r\n", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nX: "):
        assert refused(hasty, begun) == (408, "head_timeout")


def test_a_head_that_comes_slowly(hasty: Service) -> None:
    """Each byte is in time; the whole is not."""
    with connect(hasty) as connection:
        connection.settimeout(0.05)
        data = b""
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        while b"\r\n\r\n" not in data:
            connection.sendall(b"x")
            try:
                data += connection.recv(1 << 16)
            except TimeoutError:
                continue
    assert b" 408 " in data


def test_a_body_that_nobody_reads_is_not_waited_for(hasty: Service) -> None:
    """The answer is there; what is left of the body ends the connection, however slow it comes."""
    with connect(hasty) as connection:
        connection.sendall(b"POST /replies HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        assert status(connection) == 403
        connection.settimeout(0.05)
        while True:
            try:
                connection.sendall(b"x")
                if not connection.recv(1 << 16):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break


def test_a_connection_that_asks_nothing_more_is_closed(hasty: Service) -> None:
    with connect(hasty) as connection:
        connection.sendall(good(hasty))
        assert [code for code, _ in answers(everything(connection))] == [200]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 50])
def test_pipelined_requests_are_all_answered_in_order(service: Service, count: int) -> None:
    one = head(service, "GET", "/health") + head(service, "GET", "/nothing")
    body = post(service, "/replies", {"ticketId": "x", "content": "y" * 5000})
    last = good(service, "Connection: close")
    found = [code for code, _ in asked(service, (one + body) * count + last)]
    assert found == [200, 404, 404] * count + [200]


def test_pipelined_requests_come_in_pieces(service: Service) -> None:
    data = (good(service) + post(service, "/replies", {"ticketId": "x", "content": "y"})) * 3
    data += good(service, "Connection: close")
    with connect(service) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), 97):
            connection.sendall(data[at : at + 97])
        found = [code for code, _ in answers(everything(connection))]
    assert found == [200, 404] * 3 + [200]


def test_what_follows_a_request_is_refused_after_its_answer(service: Service) -> None:
    found = asked(service, good(service) * 5 + b"nonsense\r\n\r\n")
    assert [code for code, _ in found] == [200] * 5 + [400]
    assert found[-1][1]["code"] == "invalid_http"


def test_who_is_not_let_in_is_answered_once(service: Service) -> None:
    """However many requests wait behind the first."""
    host = service.url.removeprefix("http://")
    stranger = f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    assert [code for code, _ in asked(service, stranger * 50)] == [401]
    with connect(service) as connection:
        connection.sendall(stranger)
        assert status(connection) == 401
        connection.sendall(good(service, "Connection: close"))
        assert b"HTTP/1.1 200 OK" in everything(connection)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET nonsense HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT evil:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nX : y\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: nonsense\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_problem_document(service: Service, data: bytes) -> None:
    assert refused(service, data) == (400, "invalid_http")


def test_a_chunk_that_is_none(service: Service) -> None:
    headers = {"Content_Type": "application/json", "Transfer_Encoding": "chunked"}
    start = head(service, "POST", "/replies", **headers)
    assert refused(service, start + b"zz\r\n") == (400, "invalid_http")


def test_a_url_with_a_host_names_the_one_of_the_header(service: Service) -> None:
    host = service.url.removeprefix("http://")
    rest = f"Authorization: Bearer {service.token}\r\nConnection: close\r\n\r\n"
    for url, expected in (
        (f"http://{host}/health", 200),
        (f"HTTP://{host.upper()}/health", 200),
        (f"http://{host}/nowhere", 404),
        ("/health?at=http://evil.com/", 200),
    ):
        data = f"GET {url} HTTP/1.1\r\nHost: {host}\r\n{rest}".encode()
        assert asked(service, data)[0][0] == expected
    for url in (
        "http://evil.com/health",
        f"http://{host}.evil.com/health",
        f"http://evil.com@{host}/health",
        f"http://{host}@evil.com/health",
        f"http://{host}:{host}/health",
        "http://127.0.0.1/health",
        "http:///health",
        "file:///etc/passwd",
    ):
        data = f"GET {url} HTTP/1.1\r\nHost: {host}\r\n{rest}".encode()
        assert refused(service, data)[0] == 400, url
    data = f"GET http://evil.com/health HTTP/1.1\r\nHost: {host}\r\n{rest}".encode()
    assert refused(service, data) == (400, "ambiguous_host")
    data = f"GET http://evil.com/health HTTP/1.1\r\nHost: evil.com\r\n{rest}".encode()
    assert refused(service, data) == (403, "host_not_allowed")


@pytest.mark.parametrize("other", ["evil.com", "127.0.0.1", "", None])
def test_one_host_header(service: Service, other: str | None) -> None:
    own = service.url.removeprefix("http://")
    for pair in ((own, other or own), (other or own, own)):
        lines = "".join(f"Host: {host}\r\n" for host in pair)
        data = f"GET /health HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode()
        assert refused(service, data) == (400, "ambiguous_host")


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_another_protocol_is_not_spoken(service: Service, protocol: str) -> None:
    """What asks for one is answered in HTTP/1.1, and so is what follows."""
    asking = good(service, f"Upgrade: {protocol}", "Connection: Upgrade")
    found = asked(service, asking + good(service, "Connection: close"))
    assert [code for code, _ in found] == [200, 200]


@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_of_an_upgrade_is_not_the_next_request(service: Service, chunked: bool) -> None:
    """It is refused with its body: a proxy before us takes that for a body."""
    inner = good(service)
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner) if chunked else inner
    length = {"Transfer_Encoding": "chunked"} if chunked else {"Content_Length": str(len(body))}
    more = {"Content_Type": "application/json", "Upgrade": "h2c", "Connection": "Upgrade"}
    asking = head(service, "POST", "/replies", **more, **length)
    for data in (asking + body, asking):
        found = asked(service, data)
        assert [(code, document["code"]) for code, document in found] == [(400, "invalid_http")]
    empty = head(service, "POST", "/replies", **more, Content_Length="0")
    assert asked(service, empty + good(service, "Connection: close"))[-1][0] == 200


def test_the_log_has_one_line_about_it_all(service: Service) -> None:
    """Nothing else of what strangers send is in it, be they cut off or refused."""
    for _ in range(20):
        with connect(service) as connection:
            connection.sendall(post(service, "/replies", {"content": "x"})[:-3])
        with connect(service) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: evil.com\r\n\r\n")
            assert status(connection) == 403
    service.stop()
    lines = service.output.partition("Ready")[2].splitlines()
    refusals = [line for line in lines if "event=requests_refused" in line]
    service.start()
    others = [line for line in lines[1:] if line not in refusals and "event=stopping" not in line]
    assert len(refusals) == 1
    assert not others
