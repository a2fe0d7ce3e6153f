"""Who holds which agent, which processes live, and what they printed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.agents.base import Form
from agent_runner.api.bodies import integer_parameter
from agent_runner.api.context import Context, context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint, Query
from agent_runner.errors import NotFoundError
from agent_runner.events.background import BackgroundTask
from agent_runner.process import usage
from agent_runner.runners.warm import Expiry
from agent_runner.runs.active import ActiveRun
from agent_runner.runs.raw_files import STREAMS, RawFile, RawFiles
from conversation_store.records import AgentRecord

_LOG_PAGE = 1 << 20


class LockReply(Reply, frozen=True, kw_only=True):
    """The run that holds an agent, since when, and the process that serves it.

    `waits` for a human; `lastEventMs` is the age of its newest event.
    """

    run_id: str
    conversation_id: str
    since: str
    pid: int | None
    session_id: str | None
    waits: bool
    last_event: str | None
    last_event_ms: int | None


class WarmReply(Reply, frozen=True, kw_only=True):
    """A warm process between two runs; `background` is what it has left to do."""

    conversation_id: str
    session_id: str | None
    pid: int
    idle_ms: int
    age_ms: int
    closes_in_ms: int
    closes_for: Expiry
    background: list[BackgroundTask]


class SessionReply(Reply, frozen=True, kw_only=True):
    """One agent. `behind` are the runs of what its CLI does by itself."""

    agent_id: str
    type: str
    state: Literal["busy", "queued", "warm", "idle"]
    lock: LockReply | None
    queued: list[str]
    behind: list[str]
    warm: list[WarmReply]


class SessionListReply(Reply, frozen=True, kw_only=True):
    """`GET /agents/sessions/status`."""

    sessions: list[SessionReply]


class ProcessReply(Reply, frozen=True, kw_only=True):
    """A living CLI; the last three are of its whole tree."""

    process_id: str
    pid: int
    agent_id: str
    conversation_id: str
    run_id: str | None
    form: Form
    session_id: str | None
    started_at: str
    age_ms: int
    processes: int
    memory_bytes: int
    cpu_s: float


class ProcessListReply(Reply, frozen=True, kw_only=True):
    """`GET /agents/processes/status`."""

    warden_pid: int
    processes: list[ProcessReply]


class LogListReply(Reply, frozen=True, kw_only=True):
    """`GET /agents/{agentId}/logs`, newest run first."""

    logs: list[RawFile]


async def sessions_status(request: Request) -> Response:
    """Each agent: the run that holds it, the runs that wait, and its warm process."""
    ctx = context(request)
    now = anyio.current_time()
    sessions = [_session(ctx, agent, now) for agent in await ctx.store.agents.all()]
    return json_reply(SessionListReply(sessions=sessions))


def _session(ctx: Context, agent: AgentRecord, now: float) -> SessionReply:
    runs = ctx.runs.active.of_agent(agent.agent_id)
    holder = runs[0] if runs and runs[0].started_at is not None else None
    warm = [
        WarmReply(
            conversation_id=conversation_id,
            session_id=warm.process.session_id,
            pid=warm.process.pid,
            idle_ms=round((now - warm.since) * 1000),
            age_ms=round((now - warm.process.born) * 1000),
            closes_in_ms=max(0, round((warm.until - now) * 1000)),
            closes_for=warm.reason,
            background=warm.process.background.tasks,
        )
        for conversation_id, warm in ctx.runner.pool.processes.items()
        if warm.agent_id == agent.agent_id
    ]
    return SessionReply(
        agent_id=agent.agent_id,
        type=agent.type,
        state="busy" if holder else "queued" if runs else "warm" if warm else "idle",
        lock=_lock(holder, now) if holder is not None else None,
        queued=[run.run_id for run in runs if run is not holder],
        behind=[run.run_id for run in ctx.runs.active.background_of_agent(agent.agent_id)],
        warm=warm,
    )


def _lock(holder: ActiveRun, now: float) -> LockReply:
    assert holder.started_at is not None
    at = holder.progress.last_event_at
    return LockReply(
        run_id=holder.run_id,
        conversation_id=holder.run.conversation_id,
        since=holder.started_at,
        pid=holder.process.pid if holder.process is not None else None,
        session_id=holder.session_id,
        waits=holder.waiting,
        last_event=holder.progress.last_event,
        last_event_ms=round((now - at) * 1000) if at is not None else None,
    )


async def processes_status(request: Request) -> Response:
    """Each living CLI with what it and all it started take."""
    ctx = context(request)
    mirrors = ctx.mirrors.living
    living = [*ctx.runner.living, *mirrors]
    used = await anyio.to_thread.run_sync(usage.of_trees, [live.pid for live in living])
    # A prompt's run goes before one of work behind it: the later one of the list counts.
    active_runs = sorted(ctx.runs.active, key=lambda run: run.run.trigger == "prompt")
    working = {active.process: active.run_id for active in active_runs}
    now = anyio.current_time()
    rows = []
    for process in await ctx.store.processes.all():
        live = next((x for x in living if x.identity.process_id == process.process_id), None)
        if live is None:
            continue
        tree = used.get(live.pid, usage.Usage())
        rows.append(
            ProcessReply(
                process_id=process.process_id,
                pid=process.pid,
                agent_id=process.agent_id,
                conversation_id=process.conversation_id,
                run_id=process.run_id if live in mirrors else working.get(live),
                form=live.form,
                session_id=live.session_id,
                started_at=process.started_at,
                age_ms=round((now - live.born) * 1000),
                processes=tree.processes,
                memory_bytes=tree.memory_bytes,
                cpu_s=tree.cpu_s,
            )
        )
    return json_reply(ProcessListReply(warden_pid=ctx.warden.pid, processes=rows))


async def agent_logs(request: Request) -> Response:
    """Which runs of the agent have raw output, newest first."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    files = RawFiles(ctx.raw_dir)
    limit = integer_parameter(request, "limit", 50, low=1, high=1000)
    runs = await ctx.store.runs.of_agent(agent.agent_id, limit=limit)
    return json_reply(LogListReply(logs=[log for run_id in runs for log in files.of_run(run_id)]))


async def agent_log(request: Request) -> Response:
    """The raw bytes of one stream of one run, secrets masked: a page, or with `tail` the end."""
    ctx = context(request)
    run = await ctx.store.runs.get(request.path_params["runId"])
    stream = request.path_params["stream"]
    if run.agent_id != request.path_params["agentId"] or stream not in STREAMS:
        raise NotFoundError(
            "log_not_found",
            f"agent {request.path_params['agentId']!r} has no log {run.run_id}/{stream}",
            hint="GET /agents/{agentId}/logs lists them",
        )
    path: Path = RawFiles(ctx.raw_dir).path(run.run_id, stream)
    offset = integer_parameter(request, "offset", 0)
    limit = integer_parameter(request, "limit", _LOG_PAGE, low=1, high=_LOG_PAGE)
    tail = integer_parameter(request, "tail", 0, high=_LOG_PAGE)
    ends = "tail" in request.query_params

    def read() -> tuple[int, int, bytes]:
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                at = max(0, size - tail) if ends else min(offset, size)
                file.seek(at)
                return size, at, file.read(tail if ends else limit)
        except FileNotFoundError:
            return 0, 0, b""

    size, at, data = await anyio.to_thread.run_sync(read)
    return Response(
        data,
        media_type="text/plain; charset=utf-8",
        headers={
            "X-Log-Size": str(size),
            "X-Log-Offset": str(at),
            "X-Content-Type-Options": "nosniff",
        },
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/agents/sessions/status",
        handler=sessions_status,
        summary="Who holds which agent, who waits, which sessions are warm",
        tag="sessions",
        reply=SessionListReply,
    ),
    Endpoint(
        method="GET",
        path="/agents/processes/status",
        handler=processes_status,
        summary="Living CLI processes and what their trees take",
        tag="sessions",
        reply=ProcessListReply,
    ),
    Endpoint(
        method="GET",
        path="/agents/{agentId}/logs",
        handler=agent_logs,
        summary="Runs of the agent with raw output",
        tag="sessions",
        reply=LogListReply,
        parameters=(
            Query("limit", "Newest runs to list; 50.", limits={"minimum": 1, "maximum": 1000}),
        ),
        problems=(400, 404),
    ),
    Endpoint(
        method="GET",
        path="/agents/{agentId}/logs/{runId}/{stream}",
        handler=agent_log,
        summary="Raw stdout or stderr of a run",
        tag="sessions",
        parameters=(
            Query("offset", "First byte; 0."),
            Query(
                "limit",
                "Bytes at the most; 1 MiB.",
                limits={"minimum": 1, "maximum": _LOG_PAGE},
            ),
            Query("tail", "The last so many bytes instead.", limits={"maximum": _LOG_PAGE}),
        ),
        problems=(400, 404),
    ),
)
