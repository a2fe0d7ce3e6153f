"""Fallback: what stands for or against a mode, who changed it, and changing it."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.agents.registry import adapter_for
from agent_runner.api.bodies import (
    Body,
    ForceBody,
    MalformedJsonError,
    ToggleBody,
    TypeToggleBody,
    integer_parameter,
    read_body,
)
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import CURSOR, Endpoint, Query
from agent_runner.api.stream_schemas import StreamKind
from agent_runner.api.streams import cursor, log_stream
from conversation_store.records import Cause, ToggleEventRecord, ToggleRecord
from fallback.circuit import Circuit
from fallback.precedence import EVERYTHING, Key, Scope

_PAGE = 50
_LONGEST_PAGE = 200


class TogglesClearedReply(Reply, frozen=True, kw_only=True):
    """`POST /api/fallback/clear-all`."""

    cleared: list[ToggleRecord]


class OutlookReply(Reply, frozen=True, kw_only=True):
    """How a run of an agent that begins now is driven; `mode` is null if none may.

    `terminal` is true if its CLI can be driven in tmux here.
    """

    agent_id: str
    type: str
    comm_mode: str
    mode: str | None
    source: str
    reason: str
    terminal: bool


class FallbackStatusReply(Reply, frozen=True, kw_only=True):
    """`lastEventSeq` is where to listen from; `tmux` is true if it is installed."""

    toggles: list[ToggleRecord]
    agents: list[OutlookReply]
    circuits: list[Circuit]
    automatic: bool
    tmux: bool
    last_event_seq: int


class AuditEntry(TypedDict):
    """One change: its `type`, the toggle, and who made it, by which way and why."""

    seq: int
    time: str
    type: str
    scope: str
    name: str
    toggle: NotRequired[ToggleRecord]
    by: NotRequired[str]
    via: NotRequired[str]
    reason: NotRequired[str]


class AuditReply(Reply, frozen=True, kw_only=True):
    """`nextBefore` asks for the next, older page; absent on the last."""

    entries: list[AuditEntry]
    next_before: int | UnsetType = UNSET


def _cause(body: ToggleBody) -> Cause:
    return Cause(by=body.by, via=body.via, reason=body.reason)


async def status(request: Request) -> Response:
    """Every toggle, every circuit, and how each agent would be driven now."""
    ctx = context(request)
    last = await ctx.store.toggles.last_event()
    toggles = ctx.toggles.all()
    agents = []
    for agent in await ctx.store.agents.all():
        mode, source, reason = ctx.router.outlook(agent)
        agents.append(
            OutlookReply(
                agent_id=agent.agent_id,
                type=agent.type,
                comm_mode=agent.comm_mode,
                mode=mode,
                source=source,
                reason=reason,
                terminal=ctx.terminals.available(agent),
            )
        )
    return json_reply(
        FallbackStatusReply(
            toggles=toggles,
            agents=agents,
            circuits=ctx.circuits.status(),
            automatic=ctx.settings.fallback.automatic.enabled,
            tmux=ctx.terminals.tmux,
            last_event_seq=last,
        )
    )


async def disable_cli(request: Request) -> Response:
    """Have every agent of a CLI type (or of all) run in tmux, from the next run on."""
    body = await read_body(request, TypeToggleBody)
    return await _set(request, _of_type(body.type), "tmux", body)


async def enable_cli(request: Request) -> Response:
    """Let a CLI type (or all) run headless again; with `pin` no evidence takes it away."""
    body = await read_body(request, TypeToggleBody)
    key = _of_type(body.type)
    if body.pin:
        return await _set(request, key, "headless", body)
    return json_reply(await context(request).toggles.clear(key, _cause(body)))


async def force_agent(request: Request) -> Response:
    """Have one agent run in this mode, whatever stands for its CLI type."""
    body = await read_body(request, ForceBody)
    agent = await context(request).store.agents.get(body.agent_id)
    return await _set(request, (Scope.AGENT, agent.agent_id), body.mode, body)


async def clear_agent(request: Request) -> Response:
    """Take an agent's toggle away."""
    body = await read_body(request, ForceBody)
    key = (Scope.AGENT, body.agent_id)
    return json_reply(await context(request).toggles.clear(key, _cause(body)))


async def clear_all(request: Request) -> Response:
    """Take every toggle away, those that the service set by itself too."""
    body = await read_body(request, ToggleBody)
    cleared = await context(request).toggles.clear_all(_cause(body))
    return json_reply(TogglesClearedReply(cleared=cleared))


async def _set(request: Request, key: Key, mode: str, body: ToggleBody) -> Response:
    toggles = context(request).toggles
    return json_reply(await toggles.set(key, mode, _cause(body), expires_ms=body.expires_ms))


def _of_type(name: str) -> Key:
    if name == EVERYTHING:
        return Scope.GLOBAL, EVERYTHING
    return Scope.TYPE, adapter_for(name).type


async def audit(request: Request) -> Response:
    """What happened to toggles, newest first: who, when, why, from where."""
    toggles = context(request).store.toggles
    limit = integer_parameter(request, "limit", _PAGE, low=1, high=_LONGEST_PAGE)
    before = integer_parameter(request, "before", 0) or None
    scope = request.query_params.get("scope")
    if scope is not None and scope not in set(Scope):
        raise MalformedJsonError(
            "invalid_parameter", f"scope={scope[:40]!r} is none of {', '.join(Scope)}"
        )
    name = request.query_params.get("name")
    page = await toggles.audit(before=before, scope=scope, name=name, limit=limit)
    return json_reply(
        AuditReply(
            entries=[_entry(event) for event in page],
            next_before=page[-1].seq if len(page) == limit else UNSET,
        )
    )


def _entry(event: ToggleEventRecord) -> AuditEntry:
    entry: Any = {"seq": event.seq, "time": event.time, **msgspec.json.decode(event.payload)}
    return entry  # type: ignore[no-any-return]


async def events(request: Request) -> Response:
    """What happens to toggles from now on, or after a cursor."""
    ctx = context(request)
    last = await ctx.store.toggles.last_event()
    resumes = "after" in request.query_params or "last-event-id" in request.headers
    after = cursor(request, last) if resumes else last
    return log_stream(request, ctx.toggles.feed.subscribe(after))


def _post(
    path: str, handler: Any, summary: str, body: type[Body], reply: type[msgspec.Struct]
) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/api/fallback/{path}",
        handler=handler,
        summary=summary,
        tag="fallback",
        body=body,
        reply=reply,
        problems=(404, 422),
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/fallback/status",
        handler=status,
        summary="Toggles, circuits, and how each agent would be driven now",
        tag="fallback",
        reply=FallbackStatusReply,
    ),
    _post(
        "cli/disable",
        disable_cli,
        "Run a CLI type in tmux, or every CLI with type `*`",
        TypeToggleBody,
        ToggleRecord,
    ),
    _post(
        "cli/enable",
        enable_cli,
        "Run a CLI type headless again; with `pin`, whatever the evidence",
        TypeToggleBody,
        ToggleRecord,
    ),
    _post("agent/force", force_agent, "Run one agent in this mode", ForceBody, ToggleRecord),
    _post("agent/clear", clear_agent, "Take an agent's toggle away", ForceBody, ToggleRecord),
    _post("clear-all", clear_all, "Take every toggle away", ToggleBody, TogglesClearedReply),
    Endpoint(
        method="GET",
        path="/api/fallback/audit",
        handler=audit,
        summary="What happened to toggles: who, when, why, from where",
        tag="fallback",
        reply=AuditReply,
        parameters=(
            Query("scope", "Only this one.", "string", limits={"enum": list(Scope)}),
            Query("name", "Only this agent or CLI type.", kind="string"),
            Query("before", "Only those before this seq."),
            Query("limit", f"{_PAGE} by default.", limits={"minimum": 1, "maximum": _LONGEST_PAGE}),
        ),
        problems=(400,),
    ),
    Endpoint(
        method="GET",
        path="/api/fallback/events",
        handler=events,
        summary="Stream what happens to toggles",
        tag="fallback",
        stream=StreamKind.FALLBACK,
        parameters=CURSOR,
        problems=(400,),
    ),
)
