"""The loopback HTTP server behind the model stand-ins: one server speaks every API."""

from __future__ import annotations

import itertools
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from agent_runner.recorder.models import anthropic, gemini
from agent_runner.recorder.models.scenarios import Turn, choose
from agent_runner.recorder.models.script import Reply, Script, Text
from agent_runner.recorder.models.wire import ConnectionCutError, Wire

_GEMINI = re.compile(r"/models/([^/:]+):(streamGenerateContent|generateContent|countTokens)$")


class ModelServer:
    """A stand-in for the model APIs on 127.0.0.1, served by threads of this process.

    Use as a context manager, or `start` and `stop`. Each request takes the next reply of
    the script that fits; with no script left, marks in the prompt decide.
    """

    def __init__(self, port: int = 0) -> None:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._script = Script([])
        self._ids = itertools.count(1)
        self._requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> ModelServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL: `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve in a daemon thread."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()

    def serve_forever(self) -> None:
        """Serve in this thread until it is interrupted."""
        self._server.serve_forever()

    def stop(self) -> None:
        """Stop accepting; answers under way end with their connections."""
        self._server.shutdown()
        self._server.server_close()

    def script(self, replies: list[Reply]) -> None:
        """Put these replies in place of what is left of the last script."""
        with self._lock:
            self._script = Script(replies)
            self._ids = itertools.count(1)
            self._requests = []

    def requests(self) -> list[dict[str, Any]]:
        """Requests since the last `script`: {method, path, headers, body}."""
        with self._lock:
            return list(self._requests)

    def note(self, entry: dict[str, Any]) -> None:
        """Remember a request (its handler calls this)."""
        with self._lock:
            self._requests.append(entry)

    def reply(self, turns: list[Turn]) -> Reply:
        """The reply for a request with these messages."""
        last = next((turn for turn in reversed(turns) if turn.kind != "other"), None)
        return self._script.take(last.text if last else "") or choose(turns)

    def next_ids(self) -> itertools.count[int]:
        """The numbers for message and tool ids since the last `script`."""
        return self._ids


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is normal here: a killed CLI closes its sockets."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    owner: ClassVar[ModelServer]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing on stderr."""

    def do_HEAD(self) -> None:
        """Claude Code asks `HEAD /` first."""
        self._wire().json(200, {})

    def do_GET(self) -> None:
        """There is nothing to read but an empty list of models."""
        self._note(None)
        self._wire().json(200, {"data": [], "has_more": False} if "/models" in self.path else {})

    def do_POST(self) -> None:
        """Route by path; an unknown one is a 404."""
        try:
            self._route(self._body())
        except (ConnectionError, ConnectionCutError):
            self.close_connection = True

    def _route(self, body: dict[str, Any]) -> None:
        self._note(body)
        wire, path = self._wire(), self.path.split("?")[0]
        if path.endswith("/messages/count_tokens"):
            return wire.json(200, {"input_tokens": 123})
        if path.endswith("/messages") and "messages" in body:
            if anthropic.is_side_question(body):
                reply = Reply([Text("Scripted title")])
            else:
                reply = self.owner.reply(anthropic.turns(body))
            return anthropic.answer(wire, body, reply, self.owner.next_ids())
        if found := _GEMINI.search(path):
            model, method = found.groups()
            stream = method == "streamGenerateContent"
            if method == "countTokens":
                return wire.json(200, {"totalTokens": 42})
            if gemini.is_side_question(body):
                return gemini.side_answer(wire, model, stream=stream)
            reply = self.owner.reply(gemini.turns(body))
            return gemini.answer(wire, body, reply, self.owner.next_ids(), model, stream=stream)
        error = {"type": "not_found_error", "message": f"no route {path}"}
        return wire.json(404, {"type": "error", "error": error})

    def _body(self) -> dict[str, Any]:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(data) if data else {}
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    def _note(self, body: dict[str, Any] | None) -> None:
        headers = dict(self.headers.items())
        entry = {"method": self.command, "path": self.path, "headers": headers, "body": body}
        self.owner.note(entry)

    def _wire(self) -> Wire:
        return Wire(self, f"req_scripted_{next(self.owner.next_ids()):04d}")
