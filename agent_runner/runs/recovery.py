"""What a run's CLI had printed when its service was killed, beyond what was stored of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.base import AgentOptions, Exit, Form, Received
from agent_runner.agents.registry import adapter_for
from agent_runner.agents.unfinished import Unfinished
from agent_runner.errors import AgentRunnerError
from agent_runner.events import (
    AgentEvent,
    FileChanged,
    MessageCompleted,
    ReasoningCompleted,
    SessionStarted,
    ToolCompleted,
    ToolStarted,
    TurnCompleted,
    Usage,
    UsageReported,
)
from agent_runner.process.lines import LineFramer, OversizeLine
from agent_runner.process.raw_log import overwrite
from agent_runner.process.redact import Redactor
from agent_runner.runs.raw_files import RawFiles
from conversation_store.errors import StoreError
from conversation_store.records import RunRecord
from conversation_store.store import Store

log = structlog.get_logger(__name__)

_CHUNK = 1 << 20
_AT_ONCE = 2
_TOLD = (
    SessionStarted,
    MessageCompleted,
    ReasoningCompleted,
    ToolStarted,
    ToolCompleted,
    FileChanged,
    UsageReported,
)


class Recovered(msgspec.Struct, kw_only=True):
    """Of an interrupted run: events that were not stored yet, and what is known of its end.

    `verdict` is the CLI's own, if it had come to one. `last_at` is when it last printed.
    """

    events: list[AgentEvent] = []
    answer: str | None = None
    partial: bool = False
    session_id: str | None = None
    cli_version: str | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    verdict: TurnCompleted | None = None
    started_at: str | None = None
    last_at: str | None = None


class SecretsOf(Protocol):
    """Tells what is masked in the output of an agent's CLI."""

    def __call__(self, agent_type: str, options: AgentOptions) -> list[str]:
        """The secrets."""
        ...


class Recovery:
    """Reads the raw logs of runs that an earlier service did not end."""

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
        stored = await self._stored(run)
        conversation = await self._store.conversations.get(run.conversation_id)
        found = Recovered(
            session_id=conversation.session_id,
            started_at=next((time for time, _ in stored if time), run.started_at),
            last_at=stored[-1][0] if stored else None,
        )
        path = self._files.path(run.run_id, "stdout")
        try:
            agent = await self._store.agents.get(run.agent_id)
            options = msgspec.convert(agent.options, AgentOptions)
            decode = partial(self._decode, path, agent.type, options, run)
            decoded, at = await anyio.to_thread.run_sync(decode, limiter=self._limiter)
        except FileNotFoundError:
            return _known(found, [event for _, event in stored])
        except (AgentRunnerError, StoreError, OSError, ValueError) as error:
            log.warning("run_not_recovered", run_id=run.run_id, error=str(error))
            return _known(found, [event for _, event in stored])
        found.last_at = max(filter(None, (found.last_at, at)))
        told = [event for _, event in stored]
        found.events = missing(decoded, told)
        found.verdict = next((e for e in decoded if isinstance(e, TurnCompleted)), None)
        return _known(found, [*told, *map(msgspec.to_builtins, found.events)])

    async def _stored(self, run: RunRecord) -> list[tuple[str, dict[str, Any]]]:
        """The time and the object of each stored event of the run, and of what works behind it."""
        found: list[tuple[str, dict[str, Any]]] = []
        runs = [run.run_id, *await self._store.runs.caused_by(run.run_id)]
        for run_id in runs:
            async for page in self._store.events.of_run(run_id, after=0, until=2**62):
                found += [(event.time, msgspec.json.decode(event.payload)) for event in page]
        return found

    def _decode(
        self, path: Path, agent_type: str, options: AgentOptions, run: RunRecord
    ) -> tuple[list[AgentEvent], str]:
        """Every event of the log, as its end had been the process's."""
        adapter = adapter_for(agent_type)
        form = Form(run.form) if run.form in list(Form) else adapter.forms[0]
        session = adapter.session(options, form, resume=run.session_id)
        session.open()
        session.prompt("")
        unfinished = Unfinished()
        events: list[AgentEvent] = []

        def take(received: Received | None) -> None:
            while received is not None:
                if received.behind is None:
                    unfinished.take(received.events)
                    events.extend(e for e in received.events if not e.ephemeral)
                received = received.rest

        for line in self._lines(path, agent_type, options):
            if isinstance(line, OversizeLine):
                take(session.receive_oversize(line.kept))
            else:
                take(session.receive(line))
        if not any(isinstance(event, TurnCompleted) for event in events):
            last = session.finish(Exit(code=None))
            events += [e for e in unfinished.end(last) if not isinstance(e, TurnCompleted)]
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return events, wire.utc_text(at)

    def _lines(
        self, path: Path, agent_type: str, options: AgentOptions
    ) -> Iterator[bytes | OversizeLine]:
        """The log's lines; what a program wrote by itself and nobody masked yet is masked."""
        redactor = Redactor(self._secrets_of(agent_type, options))
        framer = LineFramer(self._line_limit)
        at = 0
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                clear = redactor.feed(chunk)
                yield from framer.feed(clear)
                at = self._mask(path, at, clear)
        rest = redactor.flush()
        self._mask(path, at, rest)
        yield from framer.feed(rest)
        yield from framer.flush()

    def _mask(self, path: Path, at: int, clear: bytes) -> int:
        if b"*" in clear:
            overwrite(path, at, clear)
        return at + len(clear)


def missing(decoded: Sequence[AgentEvent], stored: Sequence[Mapping[str, Any]]) -> list[AgentEvent]:
    """Those of `decoded` that are not among `stored`.

    Calls are told apart by their ids; texts by themselves, for some CLIs give them none that
    another process would give them again. Of usages as many are stored as there are.
    """
    left = Counter(_key(event) for event in stored)
    found: list[AgentEvent] = []
    for event in decoded:
        if not isinstance(event, _TOLD):
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
