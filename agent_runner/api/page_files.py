"""The page at `/`: which paths are its own, and how its files are answered.

Its files hold nothing that is secret, and its script asks for the token: whoever may reach the
service gets them without one. They are no part of the API, so /openapi.json has none of them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import anyio
from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from agent_runner.api import page_bundle
from agent_runner.api.accept import weights
from agent_runner.api.page_bundle import ENCODINGS, PageBundle, PageFile

VIEWS = ("/", "/chat", "/chat/{rest:path}", "/inbox", "/find", "/operate", "/operate/{rest:path}")
"""Routes of the page's own router: each answers index.html."""

FILES = ("/icon.svg", "/assets/{name:path}")

_PATHS = frozenset(path for path in VIEWS + FILES if "{" not in path)
_BELOW = tuple(path.partition("{")[0] for path in VIEWS + FILES if "{" in path)

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
"""The Content-Security-Policy: nothing from elsewhere, nothing inline, no frame."""

_UNUSED = (
    *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media"),
    *("geolocation", "gyroscope", "hid", "idle-detection", "magnetometer", "microphone", "midi"),
    *("payment", "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "serial"),
    *("sync-xhr", "usb", "xr-spatial-tracking"),
)
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _UNUSED),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

IMMUTABLE = "public, max-age=31536000, immutable"
"""Of what has its hash in its name."""

PIECE = 1 << 16
"""What is written before it is waited for the reader."""

LONGEST_S = 120.0
"""A file that is not read after this long is not sent on."""

ABORT = "agent_runner.abort"
"""In the scope: closes the connection at once."""

_MISSING = b"""\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>agent-runner: no page</title></head>
<body>
<h1>The service runs, its page is not built</h1>
<p>In a checkout, with the npm registry and the Python package index in reach, stop the service and
start it by <code>make run</code>: that builds the page. Or install the wheel, which has it.</p>
<p>Everything else works: <code>agent-runner --help</code> has the commands.</p>
</body>
</html>
"""


def is_of_page(method: str, path: str) -> bool:
    """True for a request of a file or a view of the page."""
    return method in ("GET", "HEAD") and (path in _PATHS or path.startswith(_BELOW))


class PageFiles:
    """Serves the page in `folder`; reads it at the first request, and when another is there."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = Path(folder or page_bundle.FOLDER)
        self._bundle: PageBundle | None = None
        self._reading = anyio.Lock()

    def routes(self) -> list[Route]:
        """The paths that `is_of_page` tells."""
        handlers = {**dict.fromkeys(VIEWS, self.view), **dict.fromkeys(FILES, self.file)}
        return [
            Route(path, handler, methods=["GET"], include_in_schema=False)
            for path, handler in handlers.items()
        ]

    async def view(self, request: Request) -> Response:
        """index.html, or what to do where there is none."""
        bundle = await self._current()
        if bundle is None:
            headers = {**HEADERS, "Cache-Control": "no-store"}
            return Response(_MISSING, 503, headers, "text/html; charset=utf-8")
        return _answer(request, bundle.index, "no-cache")

    async def file(self, request: Request) -> Response:
        """A file of the page; 404 for what it has none of."""
        # The present page goes on to have its files while the next one is put in its place.
        bundle = self._bundle or await self._current()
        name = request.url.path.removeprefix("/")
        found = bundle.files.get(name) if bundle is not None else None
        if found is None:
            raise HTTPException(404, f"the page has no {name[:100]!r}")
        return _answer(request, found, IMMUTABLE if name.startswith("assets/") else "no-cache")

    async def _current(self) -> PageBundle | None:
        """The page as it now is; the last one while it cannot be read; None if there was none."""
        async with self._reading:
            with suppress(OSError, KeyError):
                self._bundle = await to_thread.run_sync(self._read)
            return self._bundle

    def _read(self) -> PageBundle:
        kept = self._bundle
        if kept is not None and kept.built == page_bundle.built(self._folder):
            return kept
        return PageBundle(self._folder)


def _answer(request: Request, file: PageFile, caching: str) -> Response:
    encoding = _encoding(request.headers, file)
    headers = {
        **HEADERS,
        "Cache-Control": caching,
        "ETag": f'"{file.tag}-{encoding}"',
        "Vary": "Accept-Encoding",
    }
    known = request.headers.get("if-none-match", "")
    if headers["ETag"] in known or known == "*":
        return Response(status_code=304, headers=headers)
    if encoding != "identity":
        headers["Content-Encoding"] = encoding
    return _InPieces(file.bodies[encoding], 200, headers, file.media_type)


def _encoding(headers: Headers, file: PageFile) -> str:
    accepted = weights(headers.getlist("accept-encoding"))
    any_other = accepted.get("*", 0.0)
    for encoding in ENCODINGS:
        if encoding in file.bodies and accepted.get(encoding, any_other):
            return encoding
    return "identity"


class _InPieces(Response):
    """A body that all its readers share: no connection holds more than a piece of it.

    Whoever reads it too slowly is cut off: they need no token, and keep a connection.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        body = bytes(self.body)
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": MutableHeaders(self.headers).raw,
            }
        )
        with anyio.move_on_after(LONGEST_S) as sending:
            for at in range(0, len(body) - PIECE, PIECE):
                piece = body[at : at + PIECE]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            last = body[max(0, len(body) - 1) // PIECE * PIECE :]
            await send({"type": "http.response.body", "body": last})
        if sending.cancelled_caught and (abort := scope.get(ABORT)) is not None:
            abort()
            while (await receive())["type"] != "http.disconnect":
                pass
