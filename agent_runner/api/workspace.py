"""An agent's folder: what changed in it, and its files."""

from __future__ import annotations

from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from agent_runner.api.context import Context, context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint, Query
from agent_runner.errors import ForbiddenError, NotFoundError
from agent_runner.routing.options import options_of
from agent_runner.workspace.files import Content, look
from agent_runner.workspace.snapshots import ChangedFile
from conversation_store.records import AgentRecord


class ChangesReply(Reply, frozen=True, kw_only=True):
    """What changed since the run `sinceRunId` began, which was at `since`.

    `known` is false where it cannot be told, and `reason` says why.
    """

    known: bool
    reason: str | None
    since_run_id: str | None
    since: str | None
    files: list[ChangedFile]
    diff: str
    cut: bool


def _unknown(reason: str) -> Response:
    return json_reply(
        ChangesReply(
            known=False,
            reason=reason,
            since_run_id=None,
            since=None,
            files=[],
            diff="",
            cut=False,
        )
    )


async def _folder(request: Request) -> tuple[Context, AgentRecord, Path]:
    """The agent's folder; ForbiddenError `cwd_not_allowed` if it leads elsewhere now."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    cwd = options_of(agent).cwd
    if not ctx.runner.launcher.may_enter(cwd):
        raise ForbiddenError(
            "cwd_not_allowed",
            f"cwd {cwd} leads outside the allowed folders",
            hint="PATCH the agent with another cwd, or extend `allowed_roots`",
        )
    return ctx, agent, Path(cwd)


async def changes(request: Request) -> Response:
    """What changed in the agent's folder since a conversation began, or since one of its runs.

    The newest conversation of the agent by default.
    """
    ctx, agent, cwd = await _folder(request)
    asked = request.query_params
    run_id = asked.get("runId")
    if run_id is None:
        conversation_id = asked.get("conversationId")
        if conversation_id is None:
            conversation_id = await ctx.store.conversations.current_id(agent.agent_id)
        if conversation_id is None:
            return _unknown("the agent has no conversation yet")
        runs = await ctx.store.runs.of_conversation(conversation_id)
    else:
        runs = [run_id]
    for one in runs:
        run = await ctx.store.runs.get(one)
        if run.agent_id != agent.agent_id:
            raise NotFoundError("run_not_found", f"agent {agent.agent_id!r} has no such run")
        if run.tree is not None:
            found = await ctx.snapshots.changes(cwd, run.tree)
            if found is None:
                return _unknown("how the folder was then is not known any more")
            diff = ctx.runner.launcher.secrets.masked(found.diff)
            return json_reply(
                ChangesReply(
                    known=True,
                    reason=None,
                    since_run_id=run.run_id,
                    since=run.queued_at,
                    files=found.files,
                    diff=diff,
                    cut=found.cut,
                )
            )
    if not runs:
        return _unknown("nothing was run in this conversation yet")
    return _unknown("the agent's folder was in no git repository when the run began")


async def files(request: Request) -> Response:
    """A folder's entries or a file's text, below the agent's folder and never out of it."""
    ctx, _, cwd = await _folder(request)
    path = request.query_params.get("path", ".")
    state = ctx.settings.state_dir
    found = await to_thread.run_sync(look, cwd, path, state)
    return json_reply(found)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/agents/{agentId}/changes",
        handler=changes,
        summary="What changed in an agent's folder",
        tag="workspace",
        reply=ChangesReply,
        parameters=(
            Query("conversationId", "Since this conversation began.", "string"),
            Query("runId", "Since this run began.", "string"),
        ),
        problems=(403, 404, 409),
    ),
    Endpoint(
        method="GET",
        path="/agents/{agentId}/files",
        handler=files,
        summary="Files in an agent's folder",
        tag="workspace",
        reply=Content,
        parameters=(Query("path", "Below the folder; the folder itself by default.", "string"),),
        problems=(403, 404, 409, 422),
    ),
)
