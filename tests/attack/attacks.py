"""What strangers can send to the port before any token is asked for. Loopback only, and bounded.

Each attack is a context: inside it the service is under attack, after it the attackers are gone.
"""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.conftest import Service
from tests.helpers.sockets import connect, head, reset

Attack = Callable[[Service], AbstractContextManager[None]]

SECONDS = 2.0
MOST_BYTES = 256 << 20
"""What one flood sends at most."""

_HEAD = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_PIECE = 1 << 16


def raise_own_limit() -> None:
    """Let this process have as many descriptors as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _flood(begin: bytes, piece: bytes, sockets: int = 1) -> Attack:
    """Sockets that read nothing and send `begin`, then `piece` again and again."""

    @contextmanager
    def attack(service: Service) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            waiting = selectors.DefaultSelector()
            for _ in range(sockets):
                connection = stack.enter_context(connect(service))
                connection.sendall(begin)
                connection.setblocking(False)
                waiting.register(connection, selectors.EVENT_WRITE)
            sent, deadline = 0, time.monotonic() + SECONDS
            while time.monotonic() < deadline and sent < MOST_BYTES and waiting.get_map():
                for key, _ in waiting.select(0.1):
                    assert isinstance(key.fileobj, socket.socket)
                    try:
                        sent += key.fileobj.send(piece)
                    except BlockingIOError:
                        continue
                    except OSError:
                        waiting.unregister(key.fileobj)
            waiting.close()
            yield

    return attack


def _many(sockets: int, begin: bytes = b"", piece: bytes = b"") -> Attack:
    """So many sockets that send `begin`, then a little more now and then."""

    @contextmanager
    def attack(service: Service) -> Iterator[None]:
        raise_own_limit()
        with contextlib.ExitStack() as stack:
            connections = []
            for _ in range(sockets):
                connection = connect(service)
                stack.callback(connection.close)
                connections.append(connection)
                with contextlib.suppress(OSError):
                    connection.sendall(begin)
            deadline = time.monotonic() + SECONDS
            while piece and time.monotonic() < deadline:
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.send(piece)
                time.sleep(0.1)
            yield

    return attack


@contextmanager
def behind_a_stream(service: Service) -> Iterator[None]:
    """Requests behind a stream that never ends, by somebody with the token."""
    stream = head(service, "GET", "/approvals/events", Accept="text/event-stream")
    with _flood(stream, head(service, "GET", "/health") * 200)(service):
        yield


@contextmanager
def with_the_token(service: Service) -> Iterator[None]:
    """Requests that are let in, one after the other."""
    with _flood(b"", head(service, "GET", "/agents") * 200)(service):
        yield


@contextmanager
def resets(service: Service) -> Iterator[None]:
    """Connections that break off within their heads."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        connection = connect(service)
        with contextlib.suppress(OSError):
            connection.sendall(_HEAD)
        reset(connection)
    yield


_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_PIPELINED = (_HEAD + b"\r\n") * 500
_BODY = b"POST /replies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"

ATTACKS: dict[str, Attack] = {
    "one socket pipelines and reads nothing": _flood(b"", _PIPELINED),
    "200 sockets pipeline and read nothing": _flood(b"", _PIPELINED, 200),
    "requests with bodies are pipelined": _flood(
        b"", _BODY + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000
    ),
    "requests are pipelined behind a stream": behind_a_stream,
    "one socket with the token pipelines": with_the_token,
    "a header without an end": _flood(_HEAD + b"X: ", b"x" * _PIECE),
    "a header's name without an end": _flood(_HEAD, b"x" * _PIECE),
    "a URL without an end": _flood(b"GET /", b"x" * _PIECE),
    "headers without an end": _flood(_HEAD, b"a: b\r\n" * 10_000),
    "200 sockets send headers without an end": _flood(_HEAD, b"a: b\r\n" * 10_000, 200),
    "empty lines without an end": _flood(b"", b"\r\n" * 10_000),
    "a chunk's extension without an end": _flood(_CHUNKED + b"1;x=", b"x" * _PIECE),
    "trailers without an end": _flood(_CHUNKED + b"0\r\n", b"a: b\r\n" * 10_000),
    "a body without an end": _flood(_CHUNKED, b"fa00\r\n" + b"x" * 64_000 + b"\r\n"),
    "a body of line ends": _flood(_CHUNKED, b"fa00\r\n" + b"\r\n" * 32_000 + b"\r\n"),
    "200 sockets send bodies without an end": _flood(
        _CHUNKED, b"fa00\r\n" + b"x" * 64_000 + b"\r\n", 200
    ),
    "1,500 sockets say nothing": _many(1500),
    "300 sockets send a header slowly": _many(300, _HEAD + b"X: ", b"x"),
    "300 sockets send a body slowly": _many(300, _CHUNKED, b"1\r\nx\r\n"),
    "connections are broken off": resets,
}
