"""Those who watch the whole service without being in its way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import structlog

from agent_runner.events.base import AgentEvent, tag_of
from agent_runner.events.envelope import Announced, Stored, Streamed

log = structlog.get_logger(__name__)

Observed = Stored | Streamed | Announced
Observer = Callable[[Observed], None]
"""Takes one envelope and returns at once: what takes time begins in a task of its own."""


class Observers:
    """Gives each observer the events of the classes it asked for, in order, once published."""

    def __init__(self) -> None:
        self._by_type: dict[str, list[Observer]] = defaultdict(list)

    def add(self, observer: Observer, *events: type[AgentEvent]) -> None:
        """Have `observer` called with each envelope of an event of these classes."""
        for event in events:
            tag = tag_of(event)
            assert tag is not None
            self._by_type[tag].append(observer)

    def of(self, type_: str) -> list[Observer] | None:
        """The observers of the events of this type."""
        return self._by_type.get(type_)

    @staticmethod
    def tell(observers: list[Observer], envelope: Observed) -> None:
        """Call each; the failure of one is logged and reaches nobody else."""
        for observer in observers:
            try:
                observer(envelope)
            except Exception:
                log.exception("observer_failed", observer=repr(observer))
