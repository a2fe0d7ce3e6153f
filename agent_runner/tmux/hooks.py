"""Receives a CLI's hooks by HTTP on the loopback, at a path that nobody can guess.

A hook is a POST of one JSON object. What is answered is the object that the CLI takes as the
hook's decision; `{}` is none. A held hook's connection stays open until the service decides.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
from collections.abc import Callable
from typing import Any

LARGEST = 64 << 20
MOST_UNREAD = 64

Taken = Callable[[int, dict[str, Any]], "dict[str, Any] | None"]


class Hooks:
    """The listener and its open connections, served by the driver's selector.

    `taken(id, event)` gives the answer, or None if it is to be held; `gone(id)` tells that a
    held one's CLI has hung up.
    """

    def __init__(
        self, selector: selectors.BaseSelector, taken: Taken, gone: Callable[[int], None]
    ) -> None:
        self._selector = selector
        self._taken = taken
        self._gone = gone
        self._path = f"/{os.urandom(18).hex()}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._unread: dict[socket.socket, bytes] = {}
        self._held: dict[int, socket.socket] = {}
        self._count = 0

    @property
    def url(self) -> str:
        """Where a hook is to be posted."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}{self._path}"

    def answer(self, number: int, body: dict[str, Any]) -> bool:
        """Answer a held hook; False if nobody waits for it."""
        connection = self._held.pop(number, None)
        if connection is None:
            return False
        self._reply(connection, 200, body)
        return True

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._unread) >= MOST_UNREAD:
            # Whoever has connected need not know the path: the longest silent one goes.
            self._hung_up(next(iter(self._unread)))
        connection.setblocking(False)
        self._unread[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hung_up(connection)
            return
        unread = self._unread.get(connection)
        if unread is None:
            return
        self._unread[connection] = unread + data
        head, end, body = self._unread[connection].partition(b"\r\n\r\n")
        if not end:
            if len(head) > 65536:
                self._reply(connection, 431, {})
            return
        lines = head.decode("latin-1").split("\r\n")
        request = " ".join(lines[0].split(" ")[:2])
        if request != f"POST {self._path}":
            self._reply(connection, 404, {})
            return
        self._whole(connection, lines[1:], body)

    def _whole(self, connection: socket.socket, headers: list[str], body: bytes) -> None:
        named = dict(line.lower().split(":", 1) for line in headers if ":" in line)
        given = named.get("content-length", "0").strip()
        length = int(given) if given.isascii() and given.isdigit() else -1
        if length < 0:
            self._reply(connection, 400, {})
            return
        if length > LARGEST:
            self._reply(connection, 413, {})
            return
        if len(body) < length:
            return
        del self._unread[connection]
        event = _object(body)
        if event is None:
            self._reply(connection, 400, {})
            return
        self._count += 1
        self._held[self._count] = connection
        number = self._count
        answer = self._taken(number, event)
        if answer is not None:
            self.answer(number, answer)

    def _hung_up(self, connection: socket.socket) -> None:
        self._close(connection)
        for number, held in list(self._held.items()):
            if held is connection:
                del self._held[number]
                self._gone(number)

    def _reply(self, connection: socket.socket, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        head = (
            f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        )
        try:
            connection.setblocking(True)
            connection.settimeout(5)
            connection.sendall(head.encode() + data)
        except OSError:
            pass
        self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        self._unread.pop(connection, None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection)
        connection.close()


def _object(body: bytes) -> dict[str, Any] | None:
    """The first JSON object of a hook's body, whatever stands around it; None if there is none."""
    text = body.decode("utf-8", "replace")
    try:
        event, _ = json.JSONDecoder(strict=False).raw_decode(text, text.index("{"))
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
