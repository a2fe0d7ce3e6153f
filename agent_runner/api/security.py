"""The checks before any route: Host, Origin, token, content type, body size."""

from __future__ import annotations

import re
from collections.abc import Collection
from hmac import compare_digest

import anyio
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent_runner.api.logins import COOKIE, Logins
from agent_runner.api.page_files import is_of_page
from agent_runner.api.problems import problem
from agent_runner.api.refusals import Refusals
from agent_runner.errors import (
    AgentRunnerError,
    BadRequestError,
    ForbiddenError,
    TooLargeError,
    UnauthorizedError,
    UnsupportedMediaTypeError,
)

BODY_TIMEOUT_S = 30.0

REFUSED = "agent_runner.refused"
"""In the scope of a request that was not let in."""

LOGIN = ("POST", "/session")
"""What brings its token in its body."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:@\[\]]+))(?::[0-9]+)?")
_OWN_SITES = frozenset({"same-origin", "none"})


class BadHostError(BadRequestError):
    """No Host header, or several."""

    status = 400


class BodyTimeoutError(BadRequestError):
    """The body did not come to its end in BODY_TIMEOUT_S."""

    status = 408


def host_name(header: str) -> str:
    """The name in a Host header without its port: `[::1]:8420` -> `::1`; "" for nonsense."""
    match = _HOST.fullmatch(header)
    return (match["v6"] or match["name"]) if match else ""


def _bearer(headers: Headers) -> bytes:
    """The token that a request brings; empty if it brings none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.encode() if scheme.lower() == "bearer" else b""


class Gate:
    """ASGI middleware that lets only our own callers through.

    A web page cannot pass: it does not know the token, its Origin is not ours, and a name
    that was rebound to this address is not in the Host list. Our own page's files need no token,
    and a link to it may stand on any page.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        hosts: frozenset[str],
        origins: frozenset[str],
        body_limit: int,
        uploads: Collection[str] = (),
        upload_limit: int = 0,
        logins: Logins | None = None,
        refusals: Refusals,
    ) -> None:
        self._app = app
        self._token = token.encode() if token is not None else None
        self._hosts = hosts
        self._origins = origins
        self._body_limit = body_limit
        self._logins = logins
        self._uploads = uploads
        self._upload_limit = upload_limit
        self._refusals = refusals
        self._for_pages = CORSMiddleware(
            self._checked,
            allow_origins=sorted(origins),
            allow_methods=["*"],
            allow_headers=["*"],
            # A page from elsewhere asks for leave to reach this machine, too.
            allow_private_network=True,
            expose_headers=["Retry-After", "WWW-Authenticate", "X-Log-Size"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check an HTTP request and pass it on, or answer with a problem.

        A page of an allowed origin may read the answer. Its browser asks for that beforehand,
        without the token.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        ours = host_name(headers.get("host", "")).lower() in self._hosts
        if ours and headers.get("origin") in self._origins:
            await self._for_pages(scope, receive, send)
        else:
            await self._checked(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._check(scope["method"], scope["path"], headers)
        except AgentRunnerError as error:
            self._refusals.note(error.code)
            scope[REFUSED] = True
            challenge = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
            answer = problem(
                error.status, error.code, error.message, hint=error.hint, headers=challenge
            )
            await answer(scope, receive, send)
            return
        if scope["method"] in _WITH_BODY:
            upload = scope["path"] in self._uploads
            receive = self._limited(receive, self._upload_limit if upload else self._body_limit)
        await self._app(scope, receive, send)

    def _check(self, method: str, path: str, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) > 1:
            raise BadHostError(
                "ambiguous_host",
                "the request has more than one Host header",
                hint="send the path alone, and one Host header",
            )
        host = hosts[0] if hosts else ""
        if not host:
            raise BadHostError("missing_host", "the request has no Host header")
        if host_name(host).lower() not in self._hosts:
            raise ForbiddenError(
                "host_not_allowed",
                f"Host {host[:100]!r} is not served here",
                hint="add it to server.allowed_hosts",
            )
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in self._origins | {f"http://{host.lower()}"}:
            raise ForbiddenError(
                "origin_not_allowed",
                f"Origin {origin[:100]!r} may not call this service",
                hint="add it to server.allowed_origins",
            )
        page = is_of_page(method, path)
        foreign = origin is None and headers.get("sec-fetch-site", "none") not in _OWN_SITES
        if foreign and not (page and _follows_link(headers)):
            raise ForbiddenError("origin_not_allowed", "requests from other sites are refused")
        if (method, path) != LOGIN and not page:
            self._check_token(method, headers)
        if method in _WITH_BODY:
            upload = path in self._uploads
            most = self._upload_limit if upload else self._body_limit
            length = headers.get("content-length")
            if length is not None and length.isdigit() and int(length) > most:
                raise _too_large(most)
            if not upload:
                _check_json(headers)

    def _check_token(self, method: str, headers: Headers) -> None:
        """The token, or the cookie of a page of ours that has logged in by it.

        The name of this machine is not of us alone: a cookie goes to every port, and comes from
        the pages of every port, so what changes something has to name its origin as well.
        """
        if self._token is None or compare_digest(_bearer(headers), self._token):
            return
        own = "origin" in headers or headers.get("sec-fetch-site") == "same-origin"
        if self._has_logged_in(headers):
            if method in _READING or own:
                return
            raise ForbiddenError(
                "origin_missing", "a request by cookie that changes something names its Origin"
            )
        raise UnauthorizedError(
            "unauthorized",
            "the bearer token is missing or wrong",
            hint="send `Authorization: Bearer TOKEN`; TOKEN is in the state folder's `token`",
        )

    def _has_logged_in(self, headers: Headers) -> bool:
        value = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        if self._logins is None or self._token is None or not value:
            return False
        return self._logins.ends_at(value, self._token.decode()) is not None

    def _limited(self, receive: Receive, most: int) -> Receive:
        """`receive`, as long as the body is neither too large nor too slow."""
        received = 0
        whole = False
        deadline = anyio.current_time() + BODY_TIMEOUT_S

        async def limited() -> Message:
            nonlocal received, whole
            if whole:
                return await receive()
            message: Message | None = None
            with anyio.CancelScope(deadline=deadline):
                message = await receive()
            if message is None:
                raise BodyTimeoutError(
                    "body_timeout", f"the body was not there after {BODY_TIMEOUT_S:g} s"
                )
            received += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if received > most:
                raise _too_large(most)
            return message

        return limited


def _follows_link(headers: Headers) -> bool:
    """True where a browser goes to another page as a whole, in no frame."""
    how = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return how == ("navigate", "document")


def _check_json(headers: Headers) -> None:
    length = headers.get("content-length")
    has_body = length not in (None, "0") or "transfer-encoding" in headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and (has_body or kind):
        raise UnsupportedMediaTypeError(
            "unsupported_media_type", "send the body as Content-Type: application/json"
        )


def _too_large(most: int) -> TooLargeError:
    return TooLargeError("body_too_large", f"the body is over the limit of {most} bytes")
