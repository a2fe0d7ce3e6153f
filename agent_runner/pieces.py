"""Text that grows by small pieces."""

from __future__ import annotations

_JOIN_AT = 1024


class Pieces:
    """Keeps text at the cost of its characters: a million tiny pieces are no million objects."""

    __slots__ = ("_joined", "_new", "size")

    def __init__(self) -> None:
        self.size = 0
        self._joined: list[str] = []
        self._new: list[str] = []

    def add(self, piece: str) -> None:
        """More text at the end."""
        self.size += len(piece)
        self._new.append(piece)
        if len(self._new) == _JOIN_AT:
            self._joined.append("".join(self._new))
            self._new.clear()

    def text(self) -> str:
        """All of it."""
        return "".join((*self._joined, *self._new))
