"""Serves the application over HTTP until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import anyio
import structlog
import uvicorn
from sse_starlette.sse import AppStatus

from agent_runner.api.application import build
from agent_runner.api.context import Context
from agent_runner.api.refusals import Refusals
from agent_runner.api.streams import HEARTBEAT_S
from agent_runner.app.connections import MOST_LEAVING, RESERVE, Connections
from agent_runner.app.descriptors import raise_limit, room_for_connections
from agent_runner.app.http_protocol import HttpConnection, HttpLimits
from agent_runner.app.service import running_service
from agent_runner.app.state_dir import StateDir
from agent_runner.errors import AgentRunnerError, BadRequestError, UnavailableError
from agent_runner.hosts import is_loopback
from agent_runner.runners.secrets import Secrets
from agent_runner.settings import LimitSettings, ServerSettings, Settings
from agent_runner.troubles import Troubles

log = structlog.get_logger(__name__)

Announce = Callable[[Context, str, str | None], Coroutine[Any, Any, None]]
_BACKLOG = 1024
_BESIDE_STREAMS = 200
"""Connections for all but streams, by default."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: runs end before connections do, so we stop it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Note when connections are taken."""
        await super().startup(sockets=sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`."""
        yield


def check_exposure(server: ServerSettings) -> None:
    """BadRequestError if these settings would let strangers in."""
    if is_loopback(server.host):
        return
    if server.auth == "none":
        raise BadRequestError(
            "auth_required_off_loopback",
            f"auth none is for loopback only, and {server.host} is not",
            hint="use auth token",
        )
    if not server.allow_remote:
        raise BadRequestError(
            "remote_not_allowed",
            f"{server.host} can be reached from other machines",
            hint="set server.allow_remote: true if you mean it",
        )


def _bind(server: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((server.host, server.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UnavailableError(
            "cannot_listen",
            f"{server.host}:{server.port} cannot be listened on: {error.strerror}",
            hint="another service may use the port; choose one with --port",
        ) from error
    return listener


def _notice_dead_peers(listener: socket.socket, patience_ms: int) -> None:
    """Have the kernel close connections whose other side is gone without a word.

    Connections take these options over from their listener. What is sent and not acknowledged
    for `patience_ms` closes the connection; an idle one is probed once a heartbeat. Where the
    system has no such option, its own much longer time counts.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probe_s = max(1, round(HEARTBEAT_S))
    for name, value in (
        ("TCP_KEEPIDLE", probe_s),
        ("TCP_KEEPINTVL", probe_s),
        ("TCP_USER_TIMEOUT", patience_ms),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)


async def serve(
    settings: Settings,
    announce: Announce,
    load: Callable[[], Settings],
    secrets: Secrets,
    troubles: Troubles,
) -> None:
    """Run the service until SIGINT or SIGTERM; `announce` is called when it takes requests.

    `secrets` learns what may stand in no text, `troubles` whom to ask for what /health tells.

    At SIGHUP the configuration is read again by `load` and only checked: what is wrong with
    it is logged, and a restart would apply it.
    At the first signal runs are stopped and their streams get their last event; at the
    second the process leaves at once. UnavailableError `fenced`, after the same end, if
    another service has taken the database over.
    """
    check_exposure(settings.server)
    # What whoever started the service has blocked would keep it from being stopped.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    AppStatus.enable_automatic_graceful_drain = False
    descriptors = raise_limit()
    state = StateDir(settings.state_dir)
    with (
        state.claim(),
        contextlib.closing(_bind(settings.server)) as listener,
        # Until the end: between two receivers a signal would have its default effect.
        contextlib.ExitStack() as received,
    ):
        _notice_dead_peers(listener, settings.limits.stream_send_ms)
        token = settings.server.token or state.token() if settings.server.auth == "token" else None
        async with anyio.create_task_group() as tasks:
            secrets.add([token] if token is not None else [])
            async with running_service(
                settings, state, descriptors=descriptors, secrets=secrets, troubles=troubles
            ) as context:
                server = _server(context, token)

                async def serving() -> None:
                    await server.serve([listener])
                    tasks.cancel_scope.cancel()

                tasks.start_soon(serving)
                await server.up.wait()
                url = _url(listener)
                tasks.start_soon(announce, context, url, token)
                tasks.start_soon(_check_at_hangup, load)
                receiver = anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM)
                signals = received.enter_context(receiver)
                with state.address(url):
                    await _signal_or(context.watch.fenced, signals)
                tasks.start_soon(_leave_at, signals)
            server.should_exit = True
    if context.watch.fenced.is_set():
        raise UnavailableError(
            "fenced",
            f"{context.watch.health().detail}; this service has left",
            hint=f"let only one service use {state.root}",
        )


def _server(context: Context, token: str | None) -> _Server:
    limits, refusals = context.settings.limits, Refusals()
    protocol = partial(
        HttpConnection,
        limits=HttpLimits(
            head_bytes=limits.head_bytes,
            head_s=limits.head_ms / 1000,
            keep_alive_s=limits.keep_alive_ms / 1000,
            pipelined=limits.pipelined,
        ),
        connections=Connections(_most_connections(limits), refusals),
    )
    return _Server(
        uvicorn.Config(
            build(context, token, refusals),
            http=protocol,  # type: ignore[arg-type] # it is called as the class is
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
            server_header=False,
            proxy_headers=False,
        )
    )


def _most_connections(limits: LimitSettings) -> int:
    """As many as are wished for, or as there are descriptors for."""
    wanted = limits.connections or limits.stream_clients + _BESIDE_STREAMS
    room = room_for_connections() - RESERVE - MOST_LEAVING
    if room < wanted:
        log.warning("connections_reduced", wanted=wanted, to=room, because="descriptor limit")
    return max(1, min(wanted, room))


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _next(signals: AsyncIterator[signal.Signals]) -> signal.Signals:
    number = await anext(signals)
    log.info("stopping", signal=number.name)
    return number


async def _check_at_hangup(load: Callable[[], Settings]) -> None:
    with anyio.open_signal_receiver(signal.SIGHUP) as signals:
        async for _ in signals:
            try:
                load()
            except AgentRunnerError as error:
                log.error("config_invalid", error=error.message, kept="the present one")
            except Exception:  # whatever is wrong in a file, the service goes on
                log.exception("config_not_checked", kept="the present one")
            else:
                log.info("config_valid", applied="at the next start")


async def _signal_or(event: anyio.Event, signals: AsyncIterator[signal.Signals]) -> None:
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            await event.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(wait)
        await _next(signals)
        tasks.cancel_scope.cancel()


async def _leave_at(signals: AsyncIterator[signal.Signals]) -> None:
    """What is committed is kept, and the keepers end every CLI when this process is gone."""
    os._exit(128 + await _next(signals))
