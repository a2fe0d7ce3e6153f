"""What a model stand-in answers: a script is a list of replies, a reply a list of actions.

One vocabulary for every API. As JSON a reply is `{"do": [{"do": "text", "text": "hi"}, ...],
"match": "...", "times": 1}`; the classes below are the same thing in Python.
"""

from __future__ import annotations

import threading
from typing import Any

import msgspec


class Text(msgspec.Struct, frozen=True, tag_field="do", tag="text"):
    """Answer text, or `size` bytes of numbered filler lines; `chunk` characters per delta.

    `gap` is the pause after each delta in seconds.
    """

    text: str = ""
    size: int = 0
    chunk: int = 0
    gap: float = 0.0

    def pieces(self) -> list[str]:
        """The deltas in order; one if `chunk` is 0."""
        whole = filler(self.size) if self.size else self.text
        if not self.chunk:
            return [whole]
        return [whole[at : at + self.chunk] for at in range(0, len(whole), self.chunk)] or [whole]


class Think(msgspec.Struct, frozen=True, tag_field="do", tag="think"):
    """Visible reasoning."""

    text: str


class Tool(msgspec.Struct, frozen=True, tag_field="do", tag="tool"):
    """A tool call in the CLI's own words."""

    name: str
    input: dict[str, Any]


class Shell(msgspec.Struct, frozen=True, tag_field="do", tag="shell"):
    """Run a command with whatever shell tool the CLI offers; `risk` is what Droid is told."""

    command: str
    risk: str = "low"


class Read(msgspec.Struct, frozen=True, tag_field="do", tag="read"):
    """Read a file with the CLI's own tool. `{cwd}` in `path` is the project folder."""

    path: str


class Write(msgspec.Struct, frozen=True, tag_field="do", tag="write"):
    """Create a file with the CLI's own tool. `{cwd}` in `path` is the project folder."""

    path: str
    content: str


class Sleep(msgspec.Struct, frozen=True, tag_field="do", tag="sleep"):
    """Send nothing for so long, then go on; first in a reply it delays the first byte."""

    seconds: float


class Http(msgspec.Struct, frozen=True, tag_field="do", tag="http"):
    """Answer with an error status instead. Must be the only action besides Sleep."""

    status: int
    message: str = ""
    error_type: str | None = None
    headers: dict[str, str] = {}


class StreamError(msgspec.Struct, frozen=True, tag_field="do", tag="stream_error"):
    """An error event inside a started stream (Anthropic's SSE `error`), then the end."""

    error_type: str
    message: str = "the stream failed"


class Cut(msgspec.Struct, frozen=True, tag_field="do", tag="cut"):
    """Drop the connection here; or, `clean`, end the HTTP body as if all had been said."""

    clean: bool = False


class Raw(msgspec.Struct, frozen=True, tag_field="do", tag="raw"):
    """Literal text in the event stream, for malformed frames."""

    text: str


class Finish(msgspec.Struct, frozen=True, tag_field="do", tag="finish"):
    """The API's own stop reason in place of the usual one, with optional usage numbers."""

    reason: str | None = None
    usage: dict[str, int] = {}


Action = (
    Text | Think | Tool | Shell | Read | Write | Sleep | Http | StreamError | Cut | Raw | Finish
)


class Reply(msgspec.Struct, frozen=True):
    """One model answer: for the first `times` requests (0: all) whose last user message holds
    `match`.
    """

    do: list[Action]
    match: str = ""
    times: int = 1


class Script:
    """A list of replies being used up. Thread-safe: each request comes on its own thread."""

    def __init__(self, replies: list[Reply]) -> None:
        self._left = [(reply, reply.times) for reply in replies]
        self._lock = threading.Lock()

    def take(self, last_user_text: str) -> Reply | None:
        """The next reply for such a request, or None when no reply is left for it."""
        with self._lock:
            for index, (reply, times) in enumerate(self._left):
                if reply.match not in last_user_text:
                    continue
                if reply.times:
                    if times == 1:
                        del self._left[index]
                    else:
                        self._left[index] = (reply, times - 1)
                return reply
        return None


def filler(size: int) -> str:
    """`size` characters of numbered ASCII lines: no two alike, as some CLIs stop at repetition."""
    width = len(_line(0))
    return "".join(_line(n) for n in range(size // width + 1))[:size]


def _line(number: int) -> str:
    return f"{number:07d} all work and no play makes a dull word\n"
