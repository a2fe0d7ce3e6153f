"""A stand-in for the Anthropic Messages API: what Claude Code and Droid (as own key) call.

`POST [/v1]/messages`, streamed or whole, and `/messages/count_tokens`.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

from agent_runner.recorder.models.scenarios import Turn
from agent_runner.recorder.models.script import (
    Cut,
    Finish,
    Http,
    Raw,
    Reply,
    Sleep,
    StreamError,
    Text,
    Think,
)
from agent_runner.recorder.models.tools import find_cwd, named
from agent_runner.recorder.models.wire import Wire

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 2,
    "output_tokens": 5,
}


def turns(request: dict[str, Any]) -> list[Turn]:
    """The request's messages, oldest first. A message of tool results is no user text."""
    found = []
    for message in request.get("messages") or []:
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if any(block.get("type") == "tool_result" for block in blocks):
            found.append(Turn("tool", json.dumps(blocks, ensure_ascii=False)))
        else:
            text = "\n".join(block.get("text", "") for block in blocks)
            found.append(Turn("user" if message.get("role") == "user" else "other", text))
    return found


def is_side_question(request: dict[str, Any]) -> bool:
    """True for a call the CLI makes for itself: Droid has each session's title written."""
    return not request.get("tools") and "session title" in json.dumps(request.get("system"))


def answer(wire: Wire, request: dict[str, Any], reply: Reply, ids: Iterator[int]) -> None:
    """Play `reply` as the answer to a Messages request."""
    actions = list(reply.do)
    while actions and isinstance(actions[0], Sleep):
        time.sleep(actions[0].seconds)
        del actions[0]
    if actions and isinstance(actions[0], Http):
        return _error(wire, actions[0])
    message = _Message(request, reply, ids)
    if not request.get("stream"):
        if any(isinstance(action, Cut) for action in actions):
            wire.cut()
        return wire.json(200, message.whole())
    wire.open_stream()
    message.stream(wire)
    return None


def _error(wire: Wire, action: Http) -> None:
    kind = action.error_type or _ERROR_TYPES.get(action.status, "api_error")
    text = action.message or f"scripted error {action.status}"
    body = {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_scripted"}
    wire.json(action.status, body, action.headers)


class _Message:
    """One assistant message, as blocks with the actions that make them."""

    def __init__(self, request: dict[str, Any], reply: Reply, ids: Iterator[int]) -> None:
        self._actions = reply.do
        self._ids = ids
        self._cwd = find_cwd(request)
        self._offered = {tool.get("name") for tool in request.get("tools") or []}
        self._stop = "end_turn"
        self._usage = dict(_USAGE)
        self._head: dict[str, Any] = {
            "id": f"msg_scripted_{next(ids):04d}",
            "type": "message",
            "role": "assistant",
            "model": request.get("model"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }
        for action in reply.do:
            if isinstance(action, Finish):
                self._usage.update(action.usage)

    def _tool(self, action: Any) -> dict[str, Any]:
        self._stop = "tool_use"
        tool = named(action, self._offered, self._cwd)
        return {
            "type": "tool_use",
            "id": f"toolu_scripted_{next(self._ids):04d}",
            "name": tool.name,
            "input": tool.input,
        }

    def whole(self) -> dict[str, Any]:
        """The message as one JSON document."""
        blocks: list[dict[str, Any]] = []
        for action in self._actions:
            if isinstance(action, Text | Think):
                kind = "text" if isinstance(action, Text) else "thinking"
                if not blocks or blocks[-1]["type"] != kind:
                    blocks.append({"type": kind, kind: ""})
                    if kind == "thinking":
                        blocks[-1]["signature"] = "c2ln"
                text = "".join(action.pieces()) if isinstance(action, Text) else action.text
                blocks[-1][kind] += text
            elif isinstance(action, Finish):
                self._stop = action.reason or self._stop
            elif not isinstance(action, Sleep | Raw | StreamError | Http | Cut):
                blocks.append(self._tool(action))
        return {**self._head, "content": blocks, "stop_reason": self._stop, "usage": self._usage}

    def stream(self, wire: Wire) -> None:
        """The message as server-sent events."""
        start = {**self._head, "usage": {**self._usage, "output_tokens": 1}}
        wire.event({"type": "message_start", "message": start}, "message_start")
        wire.event({"type": "ping"}, "ping")
        blocks = _BlockStream(wire)
        for action in self._actions:
            match action:
                case Text():
                    for piece in action.pieces():
                        blocks.delta("text", piece)
                        if action.gap:
                            time.sleep(action.gap)
                case Think(text=text):
                    blocks.delta("thinking", text)
                case Sleep(seconds=seconds):
                    time.sleep(seconds)
                case Cut(clean=True):
                    return wire.close_stream()
                case Cut():
                    wire.cut()
                case Raw(text=text):
                    wire.raw(text)
                case StreamError(error_type=kind, message=text):
                    body = {"type": "error", "error": {"type": kind, "message": text}}
                    wire.event(body, "error")
                    return wire.close_stream()
                case Finish():
                    self._stop = action.reason or self._stop
                case Http():
                    pass
                case _:
                    blocks.tool(self._tool(action))
        blocks.close()
        delta = {"stop_reason": self._stop, "stop_sequence": None}
        end = {"type": "message_delta", "delta": delta, "usage": self._usage}
        wire.event(end, "message_delta")
        wire.event({"type": "message_stop"}, "message_stop")
        return wire.close_stream()


class _BlockStream:
    """Content blocks as events: adjoining deltas of one kind share a block."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._index = itertools.count()
        self._open: tuple[int, str] | None = None

    def delta(self, kind: str, text: str) -> None:
        if self._open is None or self._open[1] != kind:
            self.close()
            self._open = (next(self._index), kind)
            block = {"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})}
            self._event("content_block_start", self._open[0], content_block=block)
        self._event(
            "content_block_delta", self._open[0], delta={"type": f"{kind}_delta", kind: text}
        )

    def tool(self, block: dict[str, Any]) -> None:
        self.close()
        index = next(self._index)
        self._event("content_block_start", index, content_block={**block, "input": {}})
        text = json.dumps(block["input"])
        # Two pieces, split inside the first key: a value torn apart could hold a path that
        # a recording then cannot rename.
        for piece in (text[:4], text[4:]):
            delta = {"type": "input_json_delta", "partial_json": piece}
            self._event("content_block_delta", index, delta=delta)
        self._event("content_block_stop", index)

    def close(self) -> None:
        if self._open is None:
            return
        index, kind = self._open
        if kind == "thinking":
            delta = {"type": "signature_delta", "signature": "c2ln"}
            self._event("content_block_delta", index, delta=delta)
        self._event("content_block_stop", index)
        self._open = None

    def _event(self, name: str, index: int, **fields: Any) -> None:
        self._wire.event({"type": name, "index": index, **fields}, name)
