"""One HTTP exchange of a model stand-in, seen from the API modules."""

from __future__ import annotations

import contextlib
import json
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any


class ConnectionCutError(Exception):
    """The script dropped the connection: nothing more can be sent."""


class Wire:
    """Sends one answer: a JSON document, or a stream of server-sent events."""

    def __init__(self, handler: BaseHTTPRequestHandler, request_id: str) -> None:
        self._handler = handler
        self._request_id = request_id

    def json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        """A whole JSON answer; a HEAD request gets its headers only."""
        data = json.dumps(body).encode()
        self._head(
            status, "application/json", {"content-length": str(len(data)), **(headers or {})}
        )
        if self._handler.command != "HEAD":
            self._handler.wfile.write(data)

    def open_stream(self) -> None:
        """Start an event stream (chunked)."""
        self._head(200, "text/event-stream; charset=utf-8", {"transfer-encoding": "chunked"})

    def event(self, data: Any, name: str | None = None) -> None:
        """One server-sent event with a JSON body."""
        head = f"event: {name}\n" if name else ""
        self.raw(f"{head}data: {json.dumps(data)}\n\n")

    def raw(self, text: str) -> None:
        """Literal stream text."""
        data = text.encode()
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self._handler.wfile.flush()

    def close_stream(self) -> None:
        """End the stream in the regular way."""
        self._handler.wfile.write(b"0\r\n\r\n")
        self._handler.wfile.flush()

    def cut(self) -> None:
        """Drop the connection and leave by ConnectionCutError."""
        self._handler.close_connection = True
        with contextlib.suppress(OSError):
            self._handler.connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionCutError

    def _head(self, status: int, content_type: str, headers: dict[str, str]) -> None:
        self._handler.send_response(status)
        self._handler.send_header("content-type", content_type)
        self._handler.send_header("request-id", self._request_id)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
