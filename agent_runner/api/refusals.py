"""What is refused at the door is counted, and told in the log at most once a minute."""

from __future__ import annotations

import asyncio
from collections import Counter

import structlog

log = structlog.get_logger(__name__)

EVERY_S = 60.0


class Refusals:
    """Counts refusals by their code. The first is logged at once, the others once a minute.

    Whoever sends bad requests would otherwise fill the disk with what is said of them.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._counts: Counter[str] = Counter()
        self.waiting = False
        """True while a line was written less than `every_s` ago."""

    def note(self, code: str) -> None:
        """One more. Called from the event loop."""
        self._counts[code] += 1
        if not self.waiting:
            self._tell()

    def _tell(self) -> None:
        self.waiting = bool(self._counts)
        if self._counts:
            log.warning("requests_refused", **self._counts)
            self._counts.clear()
            asyncio.get_running_loop().call_later(self._every_s, self._tell)
