"""The service's work beside its requests: what ends it, who begins it again, who is told.

Lasting work is kept: whenever it fails or ends it is begun again, after a pause that grows.
Single tasks are guarded: one that fails ends alone. Both are told by the log and by /health.
Outside of this is only what has nothing to fail (a beat, a wait for a signal), and what the
service cannot be without: the store's writer and the HTTP server, with which it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import anyio
import structlog
from anyio.abc import TaskGroup

from agent_runner import wire
from agent_runner.troubles import Trouble, TroubleCode

log = structlog.get_logger(__name__)

PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0

SHOWN_S = 60.0
"""So long after a failure, and the pause that follows, it counts as failing."""

Work = Callable[[], Coroutine[Any, Any, None]]


class _Failures:
    def __init__(self) -> None:
        self.since = ""
        self.count = 0
        self.detail = ""
        self.until = 0.0

    def note(self, detail: str, pause: float) -> None:
        now = anyio.current_time()
        if now >= self.until:
            self.since, self.count = wire.now(), 0
        self.count += 1
        self.detail = detail
        self.until = now + pause + SHOWN_S


class Background:
    """The task group of the service; `start_soon` guards what it starts, `keep` keeps it."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self.kept: list[str] = []
        self._failures: dict[tuple[TroubleCode, str], _Failures] = {}

    def keep(self, name: str, work: Work) -> None:
        """Have `work` done for as long as the service lives."""
        self.kept.append(name)
        self._tasks.start_soon(self._keep, name, work)

    def start_soon(self, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> None:
        """Start a single task."""
        self._tasks.start_soon(self._guard, _name(func), func, *args)

    def troubles(self) -> Iterator[Trouble]:
        """What has failed lately."""
        now = anyio.current_time()
        for (code, what), failures in self._failures.items():
            if now < failures.until:
                yield Trouble(
                    code=code,
                    what=what,
                    since=failures.since,
                    count=failures.count,
                    detail=failures.detail,
                )

    async def _keep(self, name: str, work: Work) -> None:
        pause = PAUSE_S
        while True:
            begun = anyio.current_time()
            detail = "it ended"
            try:
                await begin(name, work)
                log.error("background_work_ended", work=name)
            except Exception as error:
                log.exception("background_work_failed", work=name)
                detail = _told(error)
            if anyio.current_time() - begun > LONGEST_PAUSE_S:
                pause = PAUSE_S
            self._note("background_work_failing", name, detail, pause)
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _guard(
        self, name: str, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any
    ) -> None:
        try:
            await func(*args)
        except Exception as error:
            log.exception("background_task_failed", task=name)
            self._note("background_task_failed", name, _told(error), 0)

    def _note(self, code: TroubleCode, what: str, detail: str, pause: float) -> None:
        self._failures.setdefault((code, what), _Failures()).note(detail, pause)


async def begin(name: str, work: Work) -> None:
    """Do the work called `name`; a test of what happens when it fails comes in here."""
    await work()


def _told(error: Exception) -> str:
    """The innermost of a group says why."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:500]


def _name(func: Any) -> str:
    while isinstance(func, partial):
        func = func.func
    return str(getattr(func, "__qualname__", func))
