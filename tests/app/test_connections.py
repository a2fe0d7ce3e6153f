"""Who goes when all places for connections are taken."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import ModuleService, Service
from tests.helpers.many_streams import open_streams
from tests.helpers.sockets import connect, everything, head, status

PLACES = 8


@pytest.fixture(scope="module")
def service(module_service: ModuleService) -> Service:
    return module_service(connections=PLACES)


@pytest.fixture
def opened() -> Iterator[Callable[[Service], socket.socket]]:
    """Connects; all are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda service: stack.enter_context(connect(service))


Opened = Callable[[Service], socket.socket]


def ask(service: Service, connection: socket.socket, path: str = "/health") -> int:
    connection.sendall(head(service, "GET", path))
    return status(connection)


def stream(service: Service, connection: socket.socket) -> int:
    connection.sendall(head(service, "GET", "/approvals/events", Accept="text/event-stream"))
    return status(connection)


def test_the_longest_waiting_goes_for_a_new_one(service: Service, opened: Opened) -> None:
    waiting = [opened(service) for _ in range(PLACES)]
    assert ask(service, waiting[0]) == 200  # now it is the last to go
    assert ask(service, opened(service)) == 200
    said = everything(waiting[1])
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b'"code":"too_many_connections"' in said
    assert b"\r\nretry-after: 1\r\n" in said
    waiting[0].setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while waiting[0].recv(1 << 16):
            pass
    waiting[0].setblocking(True)
    assert ask(service, waiting[0]) == 200


def test_those_in_use_stay_and_health_is_answered(service: Service, opened: Opened) -> None:
    streams = [opened(service) for _ in range(PLACES)]
    assert [stream(service, one) for one in streams] == [200] * PLACES
    for _ in range(50):
        opened(service)  # and says nothing
    for path, expected in (("/health", 200), ("/ready", 200), ("/agents", 503)):
        connection = opened(service)
        connection.sendall(head(service, "GET", path))
        said = everything(connection)
        assert int(said.split(b" ", 2)[1]) == expected
    assert b'"code":"too_many_connections"' in said
    for one in streams:
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            assert one.recv(1 << 16) != b""


def test_a_thousand_streams_with_a_low_soft_limit(
    make_service: Callable[..., Service],
) -> None:
    """The service takes as many descriptors as it may, and gives its children what it had."""
    service = make_service()
    service.stop()
    service.argv = ["sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", *service.argv]
    service.start()
    with open_streams(service, 1000) as (opened, more):
        assert (opened, more) == (1000, 503)
        with connect(service) as connection:
            assert ask(service, connection) == 200
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(service.process.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert [resource.prlimit(int(pid), resource.RLIMIT_NOFILE)[0] for pid in children] == [256]


def test_few_descriptors_make_few_places(make_service: Callable[..., Service]) -> None:
    service = make_service()
    service.stop()
    service.argv = ["sh", "-c", 'ulimit -n 512; exec "$@"', "sh", *service.argv]
    service.start()
    assert "event=connections_reduced" in service.output
    with contextlib.ExitStack() as stack:
        for _ in range(600):
            stack.enter_context(connect(service))
        with connect(service) as connection:
            assert ask(service, connection) == 200


def test_without_descriptors_left(make_service: Callable[..., Service]) -> None:
    """Connections that wait give theirs to new ones."""
    service = make_service()
    used = len(os.listdir(f"/proc/{service.process.pid}/fd"))
    soft, hard = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (used + 5, hard))
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(service))
        answered = threading.Event()
        while not answered.is_set():
            with connect(service) as connection, contextlib.suppress(OSError, IndexError):
                if ask(service, connection) == 200:
                    answered.set()
    resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    with connect(service) as connection:
        assert ask(service, connection) == 200
