"""As many streams as may be open, each of them read from."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.attack.attacks import raise_own_limit
from tests.conftest import Service
from tests.helpers.sockets import connect, head, status


@contextmanager
def open_streams(service: Service, count: int) -> Iterator[tuple[int, int]]:
    """How many of `count` streams open, and how one more is answered."""
    raise_own_limit()
    ask = head(service, "GET", "/approvals/events", Accept="text/event-stream")
    with contextlib.ExitStack() as stack:
        opened = 0
        for _ in range(count):
            connection = stack.enter_context(connect(service))
            opened += _answered(connection, ask) == 200
        with connect(service) as connection:
            more = _answered(connection, ask)
        yield opened, more


def _answered(connection: socket.socket, request: bytes) -> int:
    """The status; 0 for none."""
    try:
        connection.sendall(request)
        return status(connection)
    except OSError:
        return 0
