"""The database's health: check, clean up, shrink, back up, measure."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.agents import json_reply
from agent_runner.api.bodies import EmptyBody, read_body
from agent_runner.api.context import context
from agent_runner.api.integrity_replies import (
    BackupReply,
    CheckReply,
    CleanupReply,
    LastCheckReply,
    StatsReply,
    VacuumReply,
)
from agent_runner.api.routes import Endpoint


async def last_check(request: Request) -> Response:
    """The report of the last check."""
    return json_reply({"last": await context(request).maintenance.last_check()})


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
    found = msgspec.to_builtins(await ctx.maintenance.stats())
    return json_reply({**found, "reconciliation": ctx.reconciliation})


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
        reply=CheckReply,
    ),
    Endpoint(
        method="POST",
        path="/api/integrity/cleanup",
        handler=cleanup,
        summary="Repair what is provable",
        tag="integrity",
        body=EmptyBody,
        reply=CleanupReply,
    ),
    Endpoint(
        method="POST",
        path="/api/integrity/vacuum",
        handler=vacuum,
        summary="Shrink the database",
        tag="integrity",
        body=EmptyBody,
        reply=VacuumReply,
    ),
    Endpoint(
        method="POST",
        path="/api/integrity/backup",
        handler=backup,
        summary="Back the database up",
        tag="integrity",
        body=EmptyBody,
        reply=BackupReply,
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
