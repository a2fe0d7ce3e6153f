"""What the doctor finds on this machine, for those who look from a page."""

from __future__ import annotations

import anyio
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.api.bodies import boolean_parameter
from agent_runner.api.context import Context, context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint, Query
from agent_runner.doctor.examine import clis, machine
from agent_runner.doctor.report import CliFinding, HostFinding

KEPT_S = 60.0


class EnvironmentReply(Reply, frozen=True, kw_only=True):
    """The machine, and each CLI: where it is, its version, whether it is logged in."""

    examined_at: str
    machine: list[HostFinding]
    clis: list[CliFinding]


class Environment:
    """The last examination. It starts each CLI once, so it serves all who ask within a minute."""

    def __init__(self) -> None:
        self._lock = anyio.Lock()
        self._last: EnvironmentReply | None = None
        self._until = 0.0

    async def report(self, ctx: Context, *, fresh: bool) -> EnvironmentReply:
        """The last one, or with `fresh` one that begins now."""
        asked = anyio.current_time()
        async with self._lock:
            made = self._until - KEPT_S
            if self._last is not None and (made >= asked or (not fresh and asked < self._until)):
                return self._last
            began = anyio.current_time()
            found = [one async for one in clis(ctx.warden, ctx.settings, ctx.env)]
            host = await to_thread.run_sync(machine, ctx.settings, ctx.engine)
            self._last = EnvironmentReply(examined_at=wire.now(), machine=host, clis=found)
            self._until = began + KEPT_S
            return self._last


async def environment(request: Request) -> Response:
    """What `agent-runner doctor` says, as it is on the machine of the service."""
    ctx = context(request)
    fresh = boolean_parameter(request, "fresh") or False
    kept: Environment = request.app.state.environment
    return json_reply(await kept.report(ctx, fresh=fresh))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/health/environment",
        handler=environment,
        summary="The machine and its CLIs, as the doctor finds them",
        tag="service",
        reply=EnvironmentReply,
        parameters=(
            Query("fresh", "Examine now, instead of telling what was found before.", "boolean"),
        ),
        problems=(400,),
    ),
)
