"""A browser logs in by the token, and has a cookie from then on: it cannot send a header."""

from __future__ import annotations

from datetime import UTC, datetime
from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.api.bodies import read_body
from agent_runner.api.chat_bodies import LoginBody
from agent_runner.api.context import context
from agent_runner.api.logins import COOKIE
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint
from agent_runner.errors import NotFoundError, UnauthorizedError


class LoginReply(Reply, frozen=True, kw_only=True):
    """Until when the browser is logged in."""

    expires_at: str


async def log_in(request: Request) -> Response:
    """Take the token, and answer with a cookie that stands for it for some days."""
    ctx = context(request)
    body = await read_body(request, LoginBody)
    token: str | None = request.app.state.token
    if token is not None and not compare_digest(body.token.encode(), token.encode()):
        raise UnauthorizedError(
            "unauthorized",
            "the token is missing or wrong",
            hint="it is in the state folder's file `token`",
        )
    value = await ctx.logins.begin(token or "")
    answer = json_reply(LoginReply(expires_at=wire.later(wire.now(), ctx.logins.lasts_s)), 201)
    answer.set_cookie(
        COOKIE,
        value,
        max_age=round(ctx.logins.lasts_s),
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


async def login(request: Request) -> Response:
    """Until when this browser is logged in."""
    token = request.app.state.token or ""
    ends = context(request).logins.ends_at(request.cookies.get(COOKIE, ""), token)
    if ends is None:
        raise NotFoundError("not_logged_in", "this request brings no cookie of a login")
    return json_reply(LoginReply(expires_at=wire.utc_text(datetime.fromtimestamp(ends, UTC))))


async def log_out(request: Request) -> Response:
    """The cookie is of no use any more."""
    token = request.app.state.token or ""
    await context(request).logins.end(request.cookies.get(COOKIE, ""), token)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/session",
        handler=log_in,
        summary="Log a browser in by the token",
        tag="service",
        body=LoginBody,
        reply=LoginReply,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/session",
        handler=login,
        summary="Until when this browser is logged in",
        tag="service",
        reply=LoginReply,
        problems=(404,),
    ),
    Endpoint(
        method="DELETE",
        path="/session",
        handler=log_out,
        summary="Log a browser out",
        tag="service",
        status=204,
    ),
)
