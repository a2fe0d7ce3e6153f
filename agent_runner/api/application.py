"""The ASGI application: routes, gate, error answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from agent_runner import wire
from agent_runner.api import (
    agents,
    approvals,
    attachments,
    circuits,
    conversations,
    environment,
    export,
    fallback,
    health,
    integrity,
    login,
    page_stream,
    queue,
    runs,
    search,
    sessions,
    shadow,
    terminals,
    tickets,
    usage,
    warm_processes,
    workspace,
)
from agent_runner.api.context import Context
from agent_runner.api.openapi import openapi
from agent_runner.api.page_files import PageFiles
from agent_runner.api.problems import on_error
from agent_runner.api.refusals import Refusals
from agent_runner.api.routes import Handler
from agent_runner.api.security import Gate
from agent_runner.api.streams import StreamSlots
from agent_runner.errors import AgentRunnerError
from conversation_store.errors import StoreError

# The most asked first; then fixed paths before those with a name in the same place.
ENDPOINTS = (
    *tickets.ENDPOINTS,
    *runs.ENDPOINTS,
    *sessions.ENDPOINTS,
    *terminals.ENDPOINTS,
    *circuits.ENDPOINTS,
    *approvals.ENDPOINTS,
    *agents.ENDPOINTS,
    *warm_processes.ENDPOINTS,
    *workspace.ENDPOINTS,
    *conversations.ENDPOINTS,
    *queue.ENDPOINTS,
    *attachments.ENDPOINTS,
    *search.ENDPOINTS,
    *export.ENDPOINTS,
    *usage.ENDPOINTS,
    *page_stream.ENDPOINTS,
    *login.ENDPOINTS,
    *fallback.ENDPOINTS,
    *shadow.ENDPOINTS,
    *integrity.ENDPOINTS,
    *environment.ENDPOINTS,
    *health.ENDPOINTS,
)

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


def build(context: Context, token: str | None, refusals: Refusals | None = None) -> Starlette:
    """The application over a running service; `token` None asks for no token."""
    server = context.settings.server
    application = Starlette(
        routes=[*_routes(), *PageFiles().routes()],
        middleware=[
            Middleware(
                Gate,
                token=token,
                hosts=frozenset({*_LOOPBACK_NAMES, server.host.lower(), *server.allowed_hosts}),
                origins=frozenset(server.allowed_origins),
                body_limit=context.settings.limits.body_bytes,
                uploads={one.path for one in ENDPOINTS if one.upload},
                upload_limit=context.settings.attachments.file_bytes,
                logins=context.logins,
                refusals=refusals or Refusals(),
            )
        ],
        exception_handlers={
            AgentRunnerError: on_error,
            StoreError: on_error,
            HTTPException: on_error,
            ClientDisconnect: on_error,
            Exception: on_error,
        },
    )
    application.router.redirect_slashes = False
    application.state.context = context
    application.state.token = token
    application.state.environment = environment.Environment()
    application.state.slots = StreamSlots(context.settings.limits.stream_clients)
    # A sixth of the start, if it were made then.
    application.state.openapi = cache(
        lambda: wire.encode(openapi(ENDPOINTS, context.version, context.settings))
    )
    return application


def _routes() -> list[Route]:
    """One for each path, so that a wrong method is told all that the path takes."""
    by_path: dict[str, dict[str, Handler]] = {}
    for endpoint in ENDPOINTS:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint.handler
    return [
        Route(path, _by_method(handlers), methods=list(handlers))
        for path, handlers in by_path.items()
    ]


def _by_method(handlers: Mapping[str, Handler]) -> Handler:
    async def handle(request: Request) -> Response:
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return next(iter(handlers.values())) if len(handlers) == 1 else handle
