"""Shortens a JSON line as it comes, in bounded memory: its long texts are cut. No I/O."""

from __future__ import annotations

import re

_PLAIN = re.compile(rb'[^"]*')
# An escape that the end of a piece cuts is none of it: its rest is still to come.
_TEXT = re.compile(
    rb'[^"\\]*(?:(?:\\[^u]|\\u(?:[0-9a-fA-F]{4}|(?![0-9a-fA-F]{0,3}\Z)))[^"\\]*)*', re.DOTALL
)
_CUT_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)$")


class Abridger:
    """Feed it a line in pieces; `line` is what is left of it, at most 5/4 of `most` and a little.

    Of each text the first `text` bytes are kept. Of what exceeds `most` all the same the end is
    kept, for a line's type may stand there.
    """

    def __init__(self, most: int, text: int) -> None:
        self._most = most
        self._longest = text
        self._kept = bytearray()
        self._in_text = False
        self._room = 0
        self._escape = b""
        self._end = b""

    @property
    def line(self) -> bytes:
        """What was kept so far."""
        return bytes(self._kept) + self._end

    def feed(self, piece: bytes) -> None:
        """More of the line."""
        piece = self._escape + piece
        self._escape = b""
        at = 0
        while at < len(piece) and len(self._kept) < self._most:
            at = self._text(piece, at) if self._in_text else self._plain(piece, at)
        if at < len(piece):
            self._end = (self._end + piece[at:])[-self._most // 4 :]

    def _plain(self, piece: bytes, at: int) -> int:
        found = _PLAIN.match(piece, at)
        assert found is not None
        end = found.end()
        self._kept += piece[at : min(end, at + self._most)]
        if end < len(piece):
            self._kept += b'"'
            self._in_text, self._room = True, self._longest
            end += 1
        return end

    def _text(self, piece: bytes, at: int) -> int:
        found = _TEXT.match(piece, at)
        assert found is not None
        end = found.end()
        if self._room:
            kept = piece[at : min(end, at + self._room)]
            self._room -= len(kept)
            if not self._room and (cut := _CUT_ESCAPE.search(kept)):
                kept = kept[: cut.start(1)]
            self._kept += kept
        if end == len(piece):
            return end
        if piece[end : end + 1] == b"\\":
            self._escape = piece[end:]
            return len(piece)
        self._kept += b'"'
        self._in_text = False
        return end + 1
