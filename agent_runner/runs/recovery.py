"""What a run's CLI had printed when its service was killed, beyond what was stored of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.base import AgentOptions
from agent_runner.errors import AgentRunnerError
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.usage import Usage
from agent_runner.runs.printed import Printing, read
from agent_runner.runs.raw_files import RawFiles
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import RunRecord

log = structlog.get_logger(__name__)

_AT_ONCE = 2
_MOST_BEFORE = 32
_STARTED = "run.started"


class Recovered(msgspec.Struct, kw_only=True):
    """Of an interrupted run: events that were not stored yet, and what is known of its end.

    `turn_result` is the CLI's own, if it had come to one. `last_at` is when it last printed.
    """

    events: list[AgentEvent] = []
    answer: str | None = None
    partial: bool = False
    session_id: str | None = None
    cli_version: str | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    turn_result: TurnCompleted | None = None
    started_at: str | None = None
    last_at: str | None = None


class SecretsOf(Protocol):
    """Tells what is masked in the output of an agent's CLI."""

    def __call__(self, agent_type: str, options: AgentOptions) -> list[str]:
        """The secrets."""
        ...


class _Stored(msgspec.Struct):
    """An event as it is stored: when it came, and its object."""

    time: str
    event: dict[str, Any]


class Recovery:
    """Reads the raw logs of runs that an earlier service did not end.

    What a warm process printed in a turn is understood by what it printed before: helpers of an
    earlier turn, and turns of the CLI's own, have no part in a prompt's run. Their run has no
    log: what they printed stands in those of the prompts' runs on that process.
    """

    def __init__(
        self, store: Store, files: RawFiles, line_limit: int, secrets_of: SecretsOf
    ) -> None:
        self._store = store
        self._files = files
        self._line_limit = line_limit
        self._secrets_of = secrets_of
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def of(self, run: RunRecord) -> Recovered:
        """What is known of the run's end; little, if its log or its agent cannot be read."""
        stored = await self._stored(run.run_id)
        told = [each.event for each in stored]
        conversation = await self._store.conversations.get(run.conversation_id)
        found = Recovered(
            session_id=conversation.session_id,
            started_at=next((each.time for each in stored if each.time), run.started_at),
            last_at=stored[-1].time if stored else None,
        )
        try:
            agent = await self._store.agents.get(run.agent_id)
            runs = await self._process_of(run, told)
            logs = [self._files.path(run_id, "stdout") for run_id in runs]
            options = msgspec.convert(agent.options, AgentOptions)
            printing = Printing(
                agent_type=agent.type,
                options=options,
                form=run.form,
                session_id=run.session_id,
                secrets=self._secrets_of(agent.type, options),
                line_limit=self._line_limit,
            )
            turn = runs.index(run.run_id) if run.run_id in runs else -1
            work = partial(read, printing, logs, turn)
            printed = await anyio.to_thread.run_sync(work, limiter=self._limiter)
            at = await anyio.to_thread.run_sync(_last_written, logs)
        except FileNotFoundError:
            return _known(found, told)
        except (AgentRunnerError, StoreError, OSError, ValueError) as error:
            log.warning("run_not_recovered", run_id=run.run_id, error=str(error))
            return _known(found, told)
        except Exception:  # what a CLI has printed must not keep the service from its start
            log.exception("run_not_recovered", run_id=run.run_id)
            return _known(found, told)
        found.last_at = max(filter(None, (found.last_at, at)), default=None)
        if run.trigger == "background":
            others = await self._others(run, runs)
            found.events, found.turn_result = missing_background(printed.background, told, others)
        else:
            found.events = missing(printed.own, told)
            found.turn_result = next((e for e in printed.own if isinstance(e, TurnCompleted)), None)
        return _known(found, [*told, *map(msgspec.to_builtins, found.events)])

    async def _stored(self, run_id: str) -> list[_Stored]:
        pages = self._store.events.of_run(run_id, after=0, until=2**62)
        return [
            _Stored(event.time, msgspec.json.decode(event.payload))
            async for page in pages
            for event in page
        ]

    async def _process_of(self, run: RunRecord, told: Sequence[Mapping[str, Any]]) -> list[str]:
        """The runs of prompts that the run's process served, oldest first.

        Those after the run too, if it is one of what the process did by itself.
        """
        if run.trigger != "background":
            started = next((event for event in told if event["type"] == _STARTED), None)
            if started is None or not started.get("reused"):
                return [run.run_id]
        cause = run.caused_by if run.trigger == "background" and run.caused_by else run.run_id
        ids = await self._store.runs.of_conversation(run.conversation_id)
        served = [cause]
        if run.trigger != "background" or await self._reused(cause):
            for earlier in reversed([each for each in ids if each < cause]):
                reused = await self._reused(earlier)
                if reused is not None:
                    served.insert(0, earlier)
                if reused is False or len(served) > _MOST_BEFORE:
                    break
        if run.trigger == "background":
            for later in (each for each in ids if each > cause):
                reused = await self._reused(later)
                if reused is False:
                    break
                if reused:
                    served.append(later)
        return served

    async def _reused(self, run_id: str) -> bool | None:
        """True if the run of a prompt began on a process that was there; None for another run."""
        async for page in self._store.events.of_run(run_id, after=0, until=2**62):
            for event in page:
                told = msgspec.json.decode(event.payload)
                if told["type"] == _STARTED:
                    return (
                        None if told.get("trigger") == "background" else told.get("reused", False)
                    )
        return None

    async def _others(self, run: RunRecord, served: Sequence[str]) -> list[dict[str, Any]]:
        """What is stored of other runs of what the process did by itself."""
        found: list[dict[str, Any]] = []
        for cause in served:
            for run_id in await self._store.runs.caused_by(cause):
                if run_id != run.run_id:
                    found += (each.event for each in await self._stored(run_id))
        return found


def _last_written(logs: Sequence[Path]) -> str | None:
    times = []
    for path in logs:
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return wire.utc_text(datetime.fromtimestamp(max(times), UTC)) if times else None


def missing_background(
    printed: Sequence[AgentEvent],
    stored: Sequence[Mapping[str, Any]],
    others: Sequence[Mapping[str, Any]],
) -> tuple[list[AgentEvent], TurnCompleted | None]:
    """Those of `printed` that are stored neither of the run nor of the `others`.

    And the result that the CLI had come to in the run, if it had: what comes after that is of
    another run.
    """
    left = Counter(_key(event) for event in stored)
    of_others = Counter(_key(event) for event in others)
    found: list[AgentEvent] = []
    is_own = False
    for event in printed:
        if isinstance(event, TurnCompleted) and is_own:
            return found, event
        if not event.recovered:
            continue
        key = _key(msgspec.to_builtins(event))
        if of_others[key] > 0:
            of_others[key] -= 1
            continue
        is_own = True
        if left[key] > 0:
            left[key] -= 1
        else:
            found.append(event)
    return found, None


def missing(decoded: Sequence[AgentEvent], stored: Sequence[Mapping[str, Any]]) -> list[AgentEvent]:
    """Those of `decoded` that are not among `stored`.

    Calls are told apart by their ids; texts by themselves, for some CLIs give them none that
    another process would give them again. Of usages as many are stored as there are.
    """
    left = Counter(_key(event) for event in stored)
    found: list[AgentEvent] = []
    for event in decoded:
        if not event.recovered:
            continue
        key = _key(msgspec.to_builtins(event))
        if left[key] > 0:
            left[key] -= 1
        else:
            found.append(event)
    return found


def _key(event: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("text", "toolCallId", "path", "sessionId")
    return (event["type"], *(event.get(name) for name in names))


def _known(found: Recovered, told: Sequence[Mapping[str, Any]]) -> Recovered:
    """With what the events of the run tell of it."""
    for event in told:
        kind = event["type"]
        if kind == "session.started":
            found.session_id = event["sessionId"]
        if kind in ("session.started", "run.started"):
            found.cli_version = event.get("cliVersion") or found.cli_version
        elif kind == "usage":
            found.usage = msgspec.convert(event["usage"], Usage)
            found.cost_usd = event.get("costUsd")
        elif kind == "message.completed" and not event.get("parentToolCallId"):
            found.answer, found.partial = event["text"], bool(event.get("partial"))
    return found
