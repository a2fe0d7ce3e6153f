"""What goes wrong beside the requests, told by /health while it lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

TroubleCode = Literal[
    "log_not_written",
    "background_work_failing",
    "background_task_failed",
    "maintenance_failed",
    "wal_not_folded",
]


class Trouble(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A stable `code`, what it is about, since when, how often, and the newest reason."""

    code: TroubleCode
    what: str
    since: str
    count: int
    detail: str


class Troubles:
    """Asks those who may have some."""

    def __init__(self) -> None:
        self._sources: list[Callable[[], Iterable[Trouble]]] = []

    def watch(self, source: Callable[[], Iterable[Trouble]]) -> None:
        """Ask `source`, too; it must not wait or fail."""
        self._sources.append(source)

    def present(self) -> list[Trouble]:
        """What there is now."""
        return [trouble for source in self._sources for trouble in source()]
