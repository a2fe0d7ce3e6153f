"""Those who watch the whole service without being in its way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import structlog

from agent_runner.events.base import AgentEvent, tag_of

log = structlog.get_logger(__name__)

Observer = Callable[[Any], object]
"""Takes one event and returns at once: what takes time begins in a task of its own."""


class Observers:
    """Gives each observer what it asked for, in order, after it has happened.

    An event of a conversation comes in its envelope, once it is published. What is announced
    comes as it is: it is on no conversation's stream. `by_tag` has the observers of a
    conversation's events by their types; `of_ephemeral` tells whether any is of ephemeral ones.
    """

    def __init__(self) -> None:
        self.by_tag: dict[str, list[Observer]] = {}
        self.of_ephemeral = False
        self._by_class: dict[type, list[Observer]] = defaultdict(list)

    def observe(self, observer: Observer, *events: type[AgentEvent]) -> None:
        """Have `observer` called with each event of these classes, of every conversation."""
        for event in events:
            self.by_tag.setdefault(tag_of(event), []).append(observer)
            self.of_ephemeral = self.of_ephemeral or event.ephemeral

    def observe_announced(self, observer: Observer, *classes: type) -> None:
        """Have `observer` called with each announcement of these classes."""
        for cls in classes:
            self._by_class[cls].append(observer)

    def announce(self, fact: object) -> None:
        """Give `fact` to the observers of its class."""
        self.tell(self._by_class.get(type(fact), ()), fact)

    @staticmethod
    def tell(observers: list[Observer] | tuple[()], seen: object) -> None:
        """Call each; the failure of one is logged and reaches nobody else."""
        for observer in observers:
            try:
                observer(seen)
            except Exception:
                log.exception("observer_failed", observer=repr(observer))
