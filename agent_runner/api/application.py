"""The ASGI application: routes, gate, error answers."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from agent_runner import wire
from agent_runner.api import (
    agents,
    approvals,
    circuits,
    conversations,
    fallback,
    health,
    integrity,
    runs,
    sessions,
    shadow,
    terminals,
    tickets,
)
from agent_runner.api.context import Context
from agent_runner.api.openapi import openapi
from agent_runner.api.problems import on_error
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
    *conversations.ENDPOINTS,
    *fallback.ENDPOINTS,
    *shadow.ENDPOINTS,
    *integrity.ENDPOINTS,
    *health.ENDPOINTS,
)

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


def build(context: Context, token: str | None) -> Starlette:
    """The application over a running service; `token` None asks for no token."""
    server = context.settings.server
    application = Starlette(
        routes=[Route(e.path, e.handler, methods=[e.method]) for e in ENDPOINTS],
        middleware=[
            Middleware(
                Gate,
                token=token,
                hosts=frozenset({*_LOOPBACK_NAMES, server.host, *server.allowed_hosts}),
                origins=frozenset(server.allowed_origins),
                body_limit=context.settings.limits.body_bytes,
            )
        ],
        exception_handlers={
            AgentRunnerError: on_error,
            StoreError: on_error,
            HTTPException: on_error,
            Exception: on_error,
        },
    )
    application.router.redirect_slashes = False
    application.state.context = context
    application.state.slots = StreamSlots(context.settings.limits.stream_clients)
    application.state.openapi = wire.encode(openapi(ENDPOINTS, context.version))
    return application
