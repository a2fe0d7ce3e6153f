"""What was read of the database, kept until it is changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Remembered(Generic[T]):
    """What each prompt asks for, by its key: it is read once, as nobody else writes the database.

    `read` has None for what there is not, which is not kept.
    """

    def __init__(self, read: Callable[[str], Awaitable[T | None]]) -> None:
        self._read = read
        self._known: dict[str, T] = {}
        self._changes = 0

    async def get(self, key: str) -> T | None:
        """The value of `key`, or None."""
        if (known := self._known.get(key)) is not None:
            return known
        changes = self._changes
        value = await self._read(key)
        if value is not None and changes == self._changes:
            self._known[key] = value
        return value

    @contextmanager
    def changing(self, key: str | None = None) -> Iterator[None]:
        """Around a transaction that changes the value of `key`, or any: it is read anew afterwards.

        Not cancellable halfway, when it is not known yet what became of it.
        """
        with anyio.CancelScope(shield=True):
            try:
                yield
            finally:
                self._changes += 1
                if key is None:
                    self._known.clear()
                else:
                    self._known.pop(key, None)
