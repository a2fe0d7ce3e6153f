"""Is the service alive, may it take work, and what does it offer."""

from __future__ import annotations

from typing import Literal

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.api.context import context
from agent_runner.api.problems import problem
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint
from agent_runner.maintenance.store_watch import StoreHealth, StoreWatch
from agent_runner.runners.drift import DriftCount, DriftLog
from agent_runner.troubles import Trouble, Troubles


class HealthReply(Reply, frozen=True, kw_only=True):
    """The service lives; `status` is ok, degraded (see `troubles`) or ready.

    `drift` counts what CLIs have printed that the schemas do not know.
    """

    status: Literal["ok", "degraded", "ready"]
    version: str
    store: StoreHealth
    troubles: list[Trouble]
    drift: list[DriftCount]


async def health(request: Request) -> Response:
    """200 while the service can keep what it is given; 503 with the store's state otherwise.

    `status` is `degraded` while something beside the requests does not work: see `troubles`.
    """
    return _unwell(request) or _well(request, "ok")


async def ready(request: Request) -> Response:
    """200 while prompts are taken: 503 on the way down, or when the store takes nothing."""
    ctx = context(request)
    if ctx.runs.closing:
        return problem(503, "shutting_down", "the service is shutting down")
    if (answer := _unwell(request)) is not None:
        return answer
    return _well(request, "ready")


def health_json(watch: StoreWatch, troubles: Troubles, drift: DriftLog, version: str) -> bytes:
    """How the service is, as pages are told."""
    store, present = watch.health(), troubles.present()
    unwell = store.code is not None
    return wire.encode(
        {
            "type": "health",
            "status": "unwell" if unwell else "degraded" if present else "ok",
            "version": version,
            "store": store,
            "troubles": present,
            "drift": drift.present(),
        }
    )


def _well(request: Request, status: Literal["ok", "ready"]) -> Response:
    ctx = context(request)
    troubles = ctx.troubles.present()
    return json_reply(
        HealthReply(
            status="degraded" if troubles and status == "ok" else status,
            version=ctx.version,
            store=ctx.watch.health(),
            troubles=troubles,
            drift=ctx.runner.launcher.drift.present(),
        )
    )


def _unwell(request: Request) -> Response | None:
    """A problem with the store's own code, if it is not well."""
    ctx = context(request)
    store = ctx.watch.health()
    if store.code is None:
        return None
    return problem(
        503, store.code, store.detail or "", store=store, troubles=ctx.troubles.present()
    )


async def openapi(request: Request) -> Response:
    """The OpenAPI 3.1 description of this service."""
    document = await to_thread.run_sync(request.app.state.openapi)
    return Response(document, media_type="application/json")


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/health",
        handler=health,
        summary="Is the service alive",
        tag="service",
        reply=HealthReply,
        problems=(503,),
    ),
    Endpoint(
        method="GET",
        path="/ready",
        handler=ready,
        summary="Does the service take prompts",
        tag="service",
        reply=HealthReply,
        problems=(503,),
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        handler=openapi,
        summary="This description",
        tag="service",
    ),
)
