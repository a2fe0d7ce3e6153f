"""Is the service alive, may it take work, and what does it offer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.agents import json_reply
from agent_runner.api.bodies import HealthReply
from agent_runner.api.context import context
from agent_runner.api.problems import problem
from agent_runner.api.routes import Endpoint


async def health(request: Request) -> Response:
    """200 while the process runs."""
    return json_reply({"status": "ok", "version": context(request).version})


async def ready(request: Request) -> Response:
    """200 while prompts are taken, 503 when the service is on its way down."""
    ctx = context(request)
    if ctx.runs.closing:
        return problem(503, "shutting_down", "the service is shutting down")
    await ctx.store.agents.all()
    return json_reply({"status": "ready", "version": ctx.version})


async def openapi(request: Request) -> Response:
    """The OpenAPI 3.1 description of this service."""
    return Response(request.app.state.openapi, media_type="application/json")


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/health",
        handler=health,
        summary="Is the service alive",
        tag="service",
        reply=HealthReply,
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
