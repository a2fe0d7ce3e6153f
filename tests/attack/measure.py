"""What an attack does to the service: its memory, its connections, its answers meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.attack.attacks import Attack
from tests.conftest import Service
from tests.helpers.sockets import connect, head, status
from tests.helpers.world import make_service

MOST_GROWTH = 32 << 20
PAUSE_S = 0.05
SOFT_LIMIT = 1024


class Effect(msgspec.Struct):
    """Of one attack."""

    growth: int = 0
    """Bytes of memory over what it was before, at the most."""

    slowest_s: float = 0.0
    connections: int = 0
    answers: dict[int, int] = {}
    """How often /health was answered with which status; 0: not at all."""

    @property
    def held(self) -> bool:
        """True if all was answered and memory stayed."""
        return set(self.answers) == {200} and self.growth <= MOST_GROWTH


def effect_of(attack: Attack, service: Service) -> Effect:
    """Attack the service, asking after its health all the time."""
    effect = Effect()
    _ask(service, Effect())
    before = service.memory("VmRSS")
    service.reset_peak()
    over = threading.Event()
    asking = threading.Thread(target=_ask_until, args=(service, effect, over))
    asking.start()
    try:
        with attack(service):
            effect.connections = service.sockets()
            _ask(service, effect)
    finally:
        over.set()
        asking.join()
    effect.growth = max(0, service.memory("VmHWM") - before)
    return effect


def _ask_until(service: Service, effect: Effect, over: threading.Event) -> None:
    while not over.wait(PAUSE_S):
        _ask(service, effect)


def _ask(service: Service, effect: Effect) -> None:
    """A new connection each time: an attack may be on those that are to come."""
    begun = time.monotonic()
    try:
        with connect(service) as connection:
            connection.sendall(head(service, "GET", "/health"))
            answer = status(connection)
    except OSError:
        answer = 0
    effect.slowest_s = max(effect.slowest_s, time.monotonic() - begun)
    effect.answers[answer] = effect.answers.get(answer, 0) + 1


@contextmanager
def attacked(folder: Path, **settings: Any) -> Iterator[Service]:
    """A service that finds the soft limit of descriptors that most systems give."""
    service = make_service(folder, **settings)
    limited = f'ulimit -Sn {SOFT_LIMIT}; exec "$@"'
    service.argv = ["sh", "-c", limited, "sh", *service.argv]
    service.start()
    try:
        yield service
    finally:
        service.stop()
