"""The database's health: check, clean up, shrink, back up, measure."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.bodies import EmptyBody, read_body
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint
from agent_runner.maintenance.reports import (
    BackupReport,
    CheckReport,
    CleanupReport,
    StatsReport,
    VacuumReport,
)
from agent_runner.runs.reconcile import Reconciliation


class LastCheckReply(Reply, frozen=True, kw_only=True):
    """The last check; null before the first."""

    last: CheckReport | None


class StatsReply(StatsReport, frozen=True, kw_only=True):
    """The database, its backups, the last report of each kind, and of the start."""

    reconciliation: Reconciliation


async def last_check(request: Request) -> Response:
    """The report of the last check."""
    return json_reply(LastCheckReply(last=await context(request).maintenance.last_check()))


async def check(request: Request) -> Response:
    """Check now; changes nothing. Takes about a second per gigabyte."""
    await read_body(request, EmptyBody)
    return json_reply(await context(request).maintenance.check())


async def cleanup(request: Request) -> Response:
    """Repair what is provable; what is removed or changed is kept in the state folder."""
    await read_body(request, EmptyBody)
    return json_reply(await context(request).maintenance.clean_up())


async def vacuum(request: Request) -> Response:
    """Give free pages back to the disk; nothing is written meanwhile."""
    await read_body(request, EmptyBody)
    return json_reply(await context(request).maintenance.vacuum())


async def backup(request: Request) -> Response:
    """Make a verified backup now."""
    await read_body(request, EmptyBody)
    return json_reply(await context(request).maintenance.back_up())


async def stats(request: Request) -> Response:
    """Sizes, counts, the lease, and what was last done."""
    ctx = context(request)
    found = msgspec.structs.asdict(await ctx.maintenance.stats())
    return json_reply(StatsReply(**found, reconciliation=ctx.reconciliation))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/integrity/check",
        handler=last_check,
        summary="The last check of the database",
        tag="integrity",
        reply=LastCheckReply,
    ),
    Endpoint(
        method="POST",
        path="/api/integrity/check",
        handler=check,
        summary="Check the database",
        tag="integrity",
        body=EmptyBody,
        reply=CheckReport,
    ),
    Endpoint(
        method="POST",
        path="/api/integrity/cleanup",
        handler=cleanup,
        summary="Repair what is provable",
        tag="integrity",
        body=EmptyBody,
        reply=CleanupReport,
    ),
    Endpoint(
        method="POST",
        path="/api/integrity/vacuum",
        handler=vacuum,
        summary="Shrink the database",
        tag="integrity",
        body=EmptyBody,
        reply=VacuumReport,
    ),
    Endpoint(
        method="POST",
        path="/api/integrity/backup",
        handler=backup,
        summary="Back the database up",
        tag="integrity",
        body=EmptyBody,
        reply=BackupReport,
    ),
    Endpoint(
        method="GET",
        path="/api/integrity/stats",
        handler=stats,
        summary="Figures of the database",
        tag="integrity",
        reply=StatsReply,
    ),
)
