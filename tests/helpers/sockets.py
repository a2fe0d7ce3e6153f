"""HTTP by hand, for clients that a well-kept library would not let us be."""

from __future__ import annotations

import ctypes
import json
import socket
import struct
from typing import Any

import pytest

from tests.conftest import Service


def connect(service: Service, *, receive_buffer: int | None = None) -> socket.socket:
    """A connection; with `receive_buffer` it takes little at a time."""
    host, port = service.url.removeprefix("http://").split(":")
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(30)
    connection.connect((host, int(port)))
    return connection


def head(service: Service, method: str, path: str, **headers: str) -> bytes:
    """A request line and its headers, with what a good request has."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {service.url.removeprefix('http://')}",
        f"Authorization: Bearer {service.token}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def post(service: Service, path: str, body: Any, **headers: str) -> bytes:
    """A whole POST."""
    data = json.dumps(body).encode()
    more = {"Content_Type": "application/json", "Content_Length": str(len(data)), **headers}
    return head(service, "POST", path, **more) + data


def reset(connection: socket.socket) -> None:
    """Leave without a goodbye: the other side gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and all that comes until the service closes the connection."""
    data = everything(connection)
    return int(data.split(b" ", 2)[1]), data


def everything(connection: socket.socket) -> bytes:
    """All that comes until the service closes the connection."""
    data = b""
    while chunk := connection.recv(1 << 16):
        data += chunk
    return data


def to_the_end(connection: socket.socket) -> bytes:
    """All of a chunked response that comes to its end; the connection may live on."""
    data = b""
    while not data.endswith(b"\r\n0\r\n\r\n"):
        chunk = connection.recv(1 << 16)
        assert chunk, "the connection was closed before"
        data += chunk
    return data


def body_of(response: bytes) -> bytes:
    """What a chunked response says, also one that was cut off."""
    _, _, rest = response.partition(b"\r\n\r\n")
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body += rest[:length]
        rest = rest[length + 2 :]
    return body


def status(connection: socket.socket) -> int:
    """The status of an answer that may go on."""
    data = b""
    while b"\r\n" not in data:
        byte = connection.recv(1)
        if not byte:
            raise ConnectionError("the connection was closed without an answer")
        data += byte
    return int(data.split(b" ", 2)[1])


def go_dark(connection: socket.socket) -> None:
    """From now on the kernel drops all that comes for this end: as after a pulled cable.

    Nothing is acknowledged and nothing refused. Needs Linux, and here and there the privilege.
    """
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HL", 1, ctypes.addressof(drop_all))
    so_attach_filter = 26
    try:
        connection.setsockopt(socket.SOL_SOCKET, so_attach_filter, program)
    except PermissionError:
        pytest.skip("this system lets nobody but root filter what comes to a socket")
