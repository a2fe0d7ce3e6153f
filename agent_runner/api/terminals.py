"""The terminal UI of an agent: what its screen shows, and where to attach."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.agents.base import Form
from agent_runner.api.accept import named
from agent_runner.api.bodies import integer_parameter
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint, Query
from agent_runner.errors import ConflictError
from agent_runner.plain_text import clean
from agent_runner.tmux.capture import capture
from agent_runner.tmux.pane import SESSION, SOCKET

_MOST_LINES = 20_000


class TerminalReply(Reply, frozen=True, kw_only=True):
    """What the UI shows, and its tmux."""

    agent_id: str
    conversation_id: str
    session_id: str | None
    pid: int
    socket: str
    session: str
    at: str
    text: str


async def agent_terminal(request: Request) -> Response:
    """The screen of the agent's newest UI, cleaned of what is not text."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    history = integer_parameter(request, "history", 0, high=_MOST_LINES)
    living = {
        live.identity.process_id: live for live in ctx.runner.living if live.form is Form.TERMINAL
    }
    launcher = ctx.runner.launcher
    processes = [
        process
        for process in await ctx.store.processes.all()
        if process.agent_id == agent.agent_id and process.process_id in living
    ]
    for process in sorted(processes, key=lambda process: process.started_at, reverse=True):
        folder = launcher.folder_of(process.process_id)
        text = await capture(launcher.find_tmux(), folder, history)
        if text is None:
            continue
        text = launcher.secrets.masked(clean(text))
        if named(request, "application/json", "text/plain") == "text/plain":
            return Response(text, media_type="text/plain; charset=utf-8")
        live = living[process.process_id]
        return json_reply(
            TerminalReply(
                agent_id=agent.agent_id,
                conversation_id=process.conversation_id,
                session_id=live.session_id,
                pid=live.pid,
                socket=str(folder / SOCKET),
                session=SESSION,
                at=wire.now(),
                text=text,
            )
        )
    raise ConflictError(
        "no_terminal",
        f"agent {agent.agent_id!r} has no terminal UI now",
        hint="it has one while, and for a while after, it runs a prompt with commMode tmux",
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/agents/{agentId}/terminal",
        handler=agent_terminal,
        summary="The screen of the agent's terminal UI, as JSON or text/plain",
        tag="sessions",
        reply=TerminalReply,
        parameters=(
            Query("history", "Lines above the screen; 0.", limits={"maximum": _MOST_LINES}),
        ),
        problems=(400, 404, 409),
    ),
)
