"""Cuts a byte stream into lines at b"\\n" and nowhere else, in bounded memory. No I/O."""

from __future__ import annotations

import hashlib

import msgspec

MAX_LINE_BYTES = 8 << 20


class OversizeLine(msgspec.Struct, frozen=True):
    """A line over the limit, of which only this is left. `offset` counts from the start."""

    length: int
    sha256: str
    offset: int


class LineFramer:
    """Feed it chunks; it gives whole lines without their newline.

    A line longer than `limit` bytes is hashed and dropped as it comes, so memory never
    exceeds the limit and one chunk.
    """

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._held = bytearray()
        self._length = 0
        self._offset = 0
        self._hash = hashlib.sha256()
        self._oversize = False

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
        if self._oversize:
            self._hash.update(piece)
        elif self._length > self._limit:
            self._oversize = True
            self._hash.update(self._held)
            self._hash.update(piece)
            self._held = bytearray()
        else:
            self._held += piece

    def _take(self) -> bytes | OversizeLine:
        line: bytes | OversizeLine
        if self._oversize:
            line = OversizeLine(self._length, self._hash.hexdigest(), self._offset)
            self._hash = hashlib.sha256()
            self._oversize = False
        else:
            line = bytes(self._held)
            self._held = bytearray()
        self._offset += self._length + 1
        self._length = 0
        return line
