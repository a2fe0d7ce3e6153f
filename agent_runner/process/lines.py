"""Cuts a byte stream into lines at b"\\n" and nowhere else, in bounded memory. No I/O."""

from __future__ import annotations

import hashlib

import msgspec

from agent_runner.process.abridge import Abridger

MAX_LINE_BYTES = 8 << 20

KEPT_BYTES = 256 << 10
"""Most bytes that are kept of a line over the limit, and KEPT_TEXT of each text in it."""
KEPT_TEXT = 32 << 10


class OversizeLine(msgspec.Struct, frozen=True):
    """A line over the limit, of which only this is left. `offset` counts from the start.

    `kept` is the line with its long texts cut: of JSON still JSON, unless it has too many texts.
    """

    length: int
    sha256: str
    offset: int
    kept: bytes = b""


class LineFramer:
    """Feed it chunks; it gives whole lines without their newline.

    A line longer than `limit` bytes is hashed, abridged and dropped as it comes, so memory
    never exceeds twice the limit and one chunk.
    """

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._held = bytearray()
        self._length = 0
        self._offset = 0
        self._hash = hashlib.sha256()
        self._oversize: Abridger | None = None

    def feed(self, chunk: bytes) -> list[bytes | OversizeLine]:
        """The lines that end in `chunk`."""
        *whole, rest = chunk.split(b"\n")
        lines: list[bytes | OversizeLine] = []
        for line in whole:
            if self._length or len(line) > self._limit:
                self._hold(line)
                lines.append(self._take())
            else:
                lines.append(line)
                self._offset += len(line) + 1
        self._hold(rest)
        return lines

    def flush(self) -> list[bytes | OversizeLine]:
        """What is left when the stream ends without a newline."""
        return [self._take()] if self._length else []

    def _hold(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._oversize is not None:
            self._hash.update(piece)
            self._oversize.feed(piece)
        elif self._length > self._limit:
            most = min(KEPT_BYTES, self._limit)
            self._oversize = Abridger(most, min(KEPT_TEXT, most // 4))
            for part in (bytes(self._held), piece):
                self._hash.update(part)
                self._oversize.feed(part)
            self._held = bytearray()
        else:
            self._held += piece

    def _take(self) -> bytes | OversizeLine:
        line: bytes | OversizeLine
        if self._oversize is not None:
            kept = self._oversize.line
            line = OversizeLine(self._length, self._hash.hexdigest(), self._offset, kept)
            self._hash = hashlib.sha256()
            self._oversize = None
        else:
            line = bytes(self._held)
            self._held = bytearray()
        self._offset += self._length + 1
        self._length = 0
        return line
