"""JSON-RPC 2.0 over lines: our requests out, their messages in. Both sides may ask.

Ids are two separate spaces: ours count up, theirs are repeated as they came.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from agent_runner.agents.failures import readable
from agent_runner.decoding.decode import Broken, Part, objects, shown
from agent_runner.decoding.fragment import scalars
from agent_runner.wire import encode

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602


class RpcError(msgspec.Struct, frozen=True):
    """The other side's error answer. `code` may be an HTTP status."""

    code: float | None
    message: str


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """One message: a request (has an id), a notification, or the answer to a request of ours."""

    kind: Literal["request", "notification", "answer"]
    method: str
    id: Any = None
    params: dict[str, Any] = {}
    result: Any = None
    error: RpcError | None = None


class RpcPeer:
    """The state of one connection: which of our requests are open.

    `header` is put into every message; `text_ids` makes our ids strings. A message is seen by one
    of the members `marks`, in a line that is not whole.
    """

    def __init__(
        self,
        header: dict[str, Any],
        *,
        text_ids: bool,
        typed: bool,
        marks: Collection[str] = ("jsonrpc",),
    ) -> None:
        self._header = header
        self._marks = frozenset(marks)
        self._text_ids = text_ids
        self._typed = typed
        self._count = 0
        self._open: dict[str, str] = {}

    def request(self, method: str, params: dict[str, Any]) -> bytes:
        """Ask; the answer will come as an Incoming with this method."""
        self._count += 1
        self._open[str(self._count)] = method
        own_id: int | str = str(self._count) if self._text_ids else self._count
        return self._line("request", {"id": own_id, "method": method, "params": params})

    @property
    def last_id(self) -> str:
        """The id of the newest request of ours, as text."""
        return str(self._count)

    def notify(self, method: str, params: dict[str, Any]) -> bytes:
        """Tell."""
        return self._line("notification", {"method": method, "params": params})

    def reply(self, request_id: Any, result: Any) -> bytes:
        """Answer a request of theirs."""
        return self._line("response", {"id": request_id, "result": result})

    def refuse(self, request_id: Any, code: int, message: str) -> bytes:
        """Answer a request of theirs with an error."""
        error = {"code": code, "message": message}
        return self._line("response", {"id": request_id, "error": error})

    def read(self, line: bytes) -> list[Part]:
        """The messages of a line, as Incoming; an answer to nothing has the method ""."""
        parts = []
        for data, raw, broken in objects(line, lambda data: not self._marks.isdisjoint(data)):
            message = self._incoming(data or {}, whole=broken is None)
            if broken is not None and (message is None or not message.method):
                message = self._seen_answer(raw) or message
            if message is None and broken is None:
                broken = Broken("not a JSON-RPC message", shown(raw))
            parts.append(Part(message, raw, broken))
        return parts

    def _seen_answer(self, line: bytes) -> Incoming | None:
        """What can be seen of an answer to us in an object that is no longer to be read."""
        seen = scalars(line)
        if "method" in seen or str(seen.get("id"))[:40] not in self._open:
            return None
        answer = {"id": seen["id"]}
        if b'"result"' in line:
            return self._incoming({**answer, "result": seen}, whole=False)
        return (
            self._incoming({**answer, "error": seen}, whole=False) if b'"error"' in line else None
        )

    def _incoming(self, data: dict[str, Any], *, whole: bool) -> Incoming | None:
        """A message; None if it is none, or not enough of it is there."""
        method = data.get("method")
        params = data.get("params")
        if isinstance(method, str):
            return Incoming(
                kind="request" if data.get("id") is not None else "notification",
                method=method,
                id=data.get("id"),
                params=params if isinstance(params, dict) else {},
            )
        own_id = data.get("id")
        if isinstance(own_id, float) and own_id.is_integer():
            own_id = int(own_id)
        ours = isinstance(own_id, int | str) and not isinstance(own_id, bool) and _small(own_id)
        answers = "result" in data or "error" in data
        if not answers and not (whole and ours and str(own_id)[:40] in self._open):
            return None
        return Incoming(
            kind="answer",
            method=self._open.pop(str(own_id)[:40], "") if ours else "",
            id=own_id if _small(own_id) else None,
            result=data.get("result"),
            error=_error(data["error"]) if data.get("error") is not None else None,
        )

    def _line(self, kind: str, body: dict[str, Any]) -> bytes:
        typed = {"type": kind} if self._typed else {}
        return encode({**self._header, **typed, **body}) + b"\n"


def _small(value: Any) -> bool:
    """True for an id that can be ours: text, or an integer of 64 bits."""
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < 2**63)


def _error(error: Any) -> RpcError:
    if not isinstance(error, dict):
        return RpcError(None, str(error)[:4000])
    code = error.get("code")
    message = error.get("message")
    data = error.get("data")
    text = message if isinstance(message, str) else ""
    if isinstance(data, dict) and isinstance(data.get("details"), str):
        text = f"{text}: {data['details']}"
    elif isinstance(data, str):
        text = f"{text}: {data}"
    text = readable(text)
    number = float(code) if isinstance(code, int | float) and abs(code) < 2**53 else None
    return RpcError(number, text or "an error without a text")
