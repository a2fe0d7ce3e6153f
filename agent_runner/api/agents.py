"""Agents: register, list, get, change, delete."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.agents.base import AgentOptions
from agent_runner.agents.registry import adapter_for, check_type_of, forms_of
from agent_runner.agents.secrets import restored
from agent_runner.api.agent_reply import AgentReply, AgentState, agent_reply
from agent_runner.api.bodies import (
    EmptyBody,
    OptionsBody,
    PatchAgentBody,
    RegisterBody,
    check_choice,
    read_body,
)
from agent_runner.api.context import Context, context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint, Query
from agent_runner.approvals.lifetime import life_of
from agent_runner.errors import BadRequestError, ConflictError, ForbiddenError
from agent_runner.home import home
from agent_runner.routing.comm_mode import check_comm_mode
from agent_runner.routing.options import changed_options
from agent_runner.runners.launcher import resources_of
from conversation_store.errors import RecordConflictError, RecordNotFoundError
from conversation_store.records import About, AgentRecord
from fallback.plan import CommMode


class AgentListReply(Reply, frozen=True, kw_only=True):
    """`GET /agents`."""

    agents: list[AgentReply]


_ABOUT = ("name", "description", "metadata")
_FILTERS = (
    Query("type", "Agents of this CLI type.", "string"),
    Query("commMode", "Agents of this mode.", "string", limits={"enum": [*CommMode]}),
    Query("state", "Agents that do this now.", "string", limits={"enum": [*get_args(AgentState)]}),
)


class EndSessionReply(Reply, frozen=True, kw_only=True):
    """The conversation that was ended; null if none was open."""

    conversation_id: str | None


def _checked_cwd(ctx: Context, value: str) -> str:
    try:
        path = Path(value).expanduser()
        real = path.resolve()
        is_dir = _is_dir(path)
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a loop, a NUL, too long
        raise BadRequestError("invalid_cwd", f"cwd {value!r} is no path: {error}") from error
    if not path.is_absolute():
        raise BadRequestError("invalid_cwd", f"cwd {value!r} is not an absolute path")
    roots = [root.resolve() for root in ctx.settings.allowed_roots]
    if not any(real.is_relative_to(root) for root in roots):
        raise ForbiddenError(
            "cwd_not_allowed",
            f"cwd {value!r} lies outside the allowed folders",
            hint=f"allowed_roots: {', '.join(map(str, roots))}",
        )
    if not is_dir:
        raise BadRequestError(
            "cwd_missing", f"cwd {value!r} is not a folder", hint="create it first"
        )
    return str(real)


def _is_dir(path: Path) -> bool:
    """Path.is_dir, which answers some errors and raises others as the Python version has it."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False


def _checked_options(ctx: Context, agent_type: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options in their stored form, tried on the adapter so that nonsense fails now."""
    ctx.runner.launcher.secrets.of(options)
    options["cwd"] = _checked_cwd(
        ctx, options.get("cwd") or str(home() or ctx.settings.allowed_roots[0])
    )
    typed = msgspec.convert(options, AgentOptions)
    adapter = adapter_for(agent_type)
    check_type_of(adapter, typed)
    forms_of(adapter, typed)
    ctx.settings.supervision.with_overrides(typed.timeouts)
    resources_of(ctx.settings.resources, typed)
    life_of(ctx.settings.approvals, typed)
    stored: dict[str, Any] = msgspec.to_builtins(typed)
    return stored


def _given(body: OptionsBody) -> dict[str, Any]:
    exclude = {"agent_id", "type", "comm_mode", "heartbeat_interval_ms", *_ABOUT}
    given = body.model_dump(by_alias=True, exclude_unset=True, exclude=exclude)
    for name in ("timeouts", "resources", "terminal"):
        if given.get(name):
            given[name] = {key: value for key, value in given[name].items() if value is not None}
    return given


async def register(request: Request) -> Response:
    """201 for a new agent; 200 if it is there with just these settings; 409 otherwise."""
    ctx = context(request)
    body = await read_body(request, RegisterBody)
    mode = check_comm_mode(body.comm_mode)
    given = {name: value for name, value in _given(body).items() if value is not None}
    if body.heartbeat_interval_ms is not None:
        interval = {"heartbeatIntervalMs": body.heartbeat_interval_ms}
        given["timeouts"] = {**interval, **given.get("timeouts", {})}
    about = About(name=body.name, description=body.description, metadata=body.metadata or {})
    given = restored(given, await _options_of(ctx, body.agent_id))
    options = _checked_options(ctx, body.type, given)
    try:
        agent = await ctx.store.agents.add(
            body.agent_id,
            agent_type=body.type,
            comm_mode=mode,
            options=options,
            now=wire.now(),
            about=about,
        )
    except RecordConflictError as error:
        agent = await ctx.store.agents.get(body.agent_id)
        same = (agent.type, agent.comm_mode, agent.options) == (body.type, mode, options)
        if not same or _about_of(agent) != about:
            raise ConflictError(
                error.code,
                f"agent {body.agent_id!r} exists with other settings",
                hint="PATCH it, or DELETE it first",
            ) from error
        return json_reply(await _answer(ctx, agent))
    ctx.changes.agent(agent.agent_id)
    return json_reply(await _answer(ctx, agent), 201)


def _about_of(agent: AgentRecord) -> About:
    return About(name=agent.name, description=agent.description, metadata=agent.metadata)


async def _answer(ctx: Context, agent: AgentRecord) -> AgentReply:
    activity = await ctx.store.agents.activity()
    return agent_reply(ctx, agent, activity.get(agent.agent_id))


async def _options_of(ctx: Context, agent_id: str) -> dict[str, Any]:
    try:
        return (await ctx.store.agents.get(agent_id)).options
    except RecordNotFoundError:
        return {}


async def list_agents(request: Request) -> Response:
    """Every agent that fits the filters, by name."""
    ctx, asked = context(request), request.query_params
    agents = await ctx.store.agents.all()
    activity = await ctx.store.agents.activity()
    replies = [agent_reply(ctx, agent, activity.get(agent.agent_id)) for agent in agents]
    check_choice(request, "commMode", CommMode)
    check_choice(request, "state", get_args(AgentState))
    for name, value in (("type", "type"), ("commMode", "comm_mode"), ("state", "state")):
        if name in asked:
            replies = [reply for reply in replies if getattr(reply, value) == asked[name]]
    return json_reply(AgentListReply(agents=replies))


async def get_agent(request: Request) -> Response:
    """One agent."""
    ctx = context(request)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    return json_reply(await _answer(ctx, agent))


async def patch_agent(request: Request) -> Response:
    """Change what is given; it counts from the next run on. A `*` keeps a secret as it is."""
    ctx = context(request)
    body = await read_body(request, PatchAgentBody)
    async with ctx.changing:
        agent = await ctx.store.agents.get(request.path_params["agentId"])
        given = restored(_given(body), agent.options)
        options = _checked_options(ctx, agent.type, changed_options(agent, given))
        given_mode = body.comm_mode if "comm_mode" in body.model_fields_set else agent.comm_mode
        mode = check_comm_mode(given_mode or CommMode.HEADLESS)
        about = {name: getattr(body, name) for name in _ABOUT if name in body.model_fields_set}
        if "metadata" in about:
            about["metadata"] = about["metadata"] or {}
        changed = await ctx.store.agents.change(
            agent.agent_id,
            comm_mode=mode,
            options=options,
            now=wire.now(),
            about=msgspec.structs.replace(_about_of(agent), **about) if about else None,
        )
    ctx.changes.agent(changed.agent_id)
    return json_reply(await _answer(ctx, changed))


async def delete_agent(request: Request) -> Response:
    """Forget an agent; its conversations stay readable."""
    ctx, agent_id = context(request), request.path_params["agentId"]
    await ctx.runs.delete_agent(agent_id)
    ctx.changes.agent(agent_id)
    return Response(status_code=204)


async def end_session(request: Request) -> Response:
    """End the open conversation: the next prompt starts a new one."""
    ctx = context(request)
    await read_body(request, EmptyBody)
    agent = await ctx.store.agents.get(request.path_params["agentId"])
    ended = await ctx.runs.end_session(agent.agent_id)
    return json_reply(EndSessionReply(conversation_id=ended))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/agents/register",
        handler=register,
        summary="Register an agent",
        tag="agents",
        body=RegisterBody,
        reply=AgentReply,
        status=201,
        problems=(403, 409, 422),
    ),
    Endpoint(
        method="GET",
        path="/agents",
        handler=list_agents,
        summary="List agents",
        tag="agents",
        reply=AgentListReply,
        parameters=_FILTERS,
    ),
    Endpoint(
        method="GET",
        path="/agents/{agentId}",
        handler=get_agent,
        summary="Get an agent",
        tag="agents",
        reply=AgentReply,
        problems=(404,),
    ),
    Endpoint(
        method="PATCH",
        path="/agents/{agentId}",
        handler=patch_agent,
        summary="Change an agent",
        tag="agents",
        body=PatchAgentBody,
        reply=AgentReply,
        problems=(403, 404, 422),
    ),
    Endpoint(
        method="DELETE",
        path="/agents/{agentId}",
        handler=delete_agent,
        summary="Delete an agent",
        tag="agents",
        status=204,
        problems=(404, 409),
    ),
    Endpoint(
        method="POST",
        path="/agents/{agentId}/end-session",
        handler=end_session,
        summary="End the agent's open conversation",
        tag="agents",
        body=EmptyBody,
        reply=EndSessionReply,
        problems=(404, 409),
    ),
)
