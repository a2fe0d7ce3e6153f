"""The HTTP client of the console command."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from httpx_sse import ServerSentEvent, connect_sse

from agent_runner import wire
from agent_runner.errors import AgentRunnerError, BadRequestError, UnavailableError
from agent_runner.hosts import is_loopback
from agent_runner.quoting import path

URL_VARIABLE = "AGENT_RUNNER_URL"
DEFAULT_URL = "http://127.0.0.1:8420"
_CONNECT_S = 5.0

T = TypeVar("T")


def trusted(url: str) -> ssl.SSLContext:
    """Whom to trust at `url`: without TLS nobody, as loading the authorities takes 50 ms."""
    if httpx.URL(url).scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context()


def connection(url: str, token: str | None) -> dict[str, Any]:
    """What httpx is to know of a service; its answers may take as long as a run.

    No proxy is asked for one on this machine: it could not reach it, and would see the token.
    BadRequestError `invalid_token` or `invalid_url`.
    """
    if token and not (token.isascii() and token.isprintable()):
        raise BadRequestError("invalid_token", "the token holds what no header can carry")
    try:
        host = httpx.URL(url).host
    except httpx.InvalidURL as error:
        raise BadRequestError("invalid_url", f"{url!r} is no URL: {error}") from error
    return {
        "base_url": url,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "timeout": httpx.Timeout(None, connect=_CONNECT_S),
        "verify": trusted(url),
        "trust_env": not is_loopback(host),
    }


class ServiceProblemError(AgentRunnerError):
    """The service answered with a problem document."""

    def __init__(self, document: Mapping[str, Any], status: int) -> None:
        super().__init__(
            str(document.get("code", "http_error")),
            str(document.get("error", f"the service answered {status}")),
            hint=document.get("hint"),
        )
        self.document = dict(document)


def kept_token(state_dir: Path, env: Mapping[str, str] = os.environ) -> str | None:
    """The token from the environment, else the one that the service keeps."""
    for name in ("AGENT_RUNNER_SERVER__TOKEN", "AGENT_RUNNER_TOKEN"):
        if token := env.get(name):
            return token
    return _kept(state_dir / "token")


def kept_url(state_dir: Path) -> str:
    """Where the service that uses the folder listens; DEFAULT_URL if none does."""
    return _kept(state_dir / "url") or DEFAULT_URL


def _kept(file: Path) -> str | None:
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError:
        return None


class Client:
    """One service. Every method raises ServiceProblemError, or UnavailableError if it is away."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._http = opened(httpx.Client, url, token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, where: str, **parameters: str | int) -> Any:
        """The JSON at `where`, made with `path`."""
        return self._call("GET", where, params=parameters)

    def pages(
        self, where: str, items: str, cursor: str = "after", **parameters: str | int
    ) -> Iterator[Any]:
        """Each of the `items` of a list at `where`, however many pages it has."""
        while True:
            page = self.get(where, **parameters)
            yield from page[items]
            following = page.get(f"next{cursor.capitalize()}")
            if following is None:
                return
            parameters[cursor] = following

    def text(self, where: str, **parameters: str | int) -> str:
        """The text at `where`."""
        return self._request("GET", where, params=parameters).text

    def send(self, method: str, where: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a request with a body; None if it has none."""
        return self._call(method, where, **json_body(body or {}))

    def upload(self, file: Path) -> dict[str, Any]:
        """Send a file; what `attachments` of a prompt name it by.

        BadRequestError `file_unreadable`.
        """
        headers = {"Content-Type": "application/octet-stream"}
        try:
            with file.open("rb") as content:
                answer = self._call("POST", "/attachments", content=content, headers=headers)
        except OSError as error:
            raise BadRequestError("file_unreadable", f"{file}: {error.strerror}") from error
        return {"attachmentId": answer["attachmentId"], "name": file.name}

    def stream(self, agent_id: str, body: Mapping[str, Any]) -> Iterator[ServerSentEvent]:
        """Execute a prompt and yield its events until the run is over."""
        return self._events("POST", path("agents", agent_id, "execute"), **json_body(body))

    def events(self, where: str, **parameters: str | int) -> Iterator[ServerSentEvent]:
        """The events of a stream for as long as it lasts."""
        return self._events("GET", where, params=parameters)

    def _events(self, method: str, where: str, **arguments: Any) -> Iterator[ServerSentEvent]:
        try:
            with connect_sse(self._http, method, where, **arguments) as source:
                if source.response.status_code != httpx.codes.OK:
                    source.response.read()
                    raise problem_of(source.response)
                # A heartbeat after an event comes as one without data.
                yield from (message for message in source.iter_sse() if message.data)
        except httpx.TransportError as error:
            raise away(self._url, error) from error

    def _call(self, method: str, where: str, **arguments: Any) -> Any:
        return answer_of(self._url, self._request(method, where, **arguments))

    def _request(self, method: str, where: str, **arguments: Any) -> httpx.Response:
        try:
            response = self._http.request(method, where, **arguments)
        except httpx.TransportError as error:
            raise away(self._url, error) from error
        return succeeded(response)


def opened(kind: Callable[..., T], url: str, token: str | None) -> T:
    """A client of httpx's; the errors of `connection`, or UnavailableError if none can be had."""
    known = connection(url, token)
    try:
        return kind(**known)
    except (ImportError, ValueError) as error:  # of a proxy in the environment
        raise _unreachable(f"there is no way to {url}: {error}") from error


def succeeded(response: httpx.Response) -> httpx.Response:
    """The response, unless it is a problem."""
    if not response.is_success:
        raise problem_of(response)
    return response


def answer_of(url: str, response: httpx.Response) -> dict[str, Any] | None:
    """The JSON object that a service at `url` answers; None if it has no body."""
    if not succeeded(response).content:
        return None
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _unreachable(f"what answers at {url} is no agent-runner")
    return answer


def json_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request's body and its type; BadRequestError `not_utf8` if it holds what is no text."""
    try:
        content = wire.encode(dict(body))
    except UnicodeEncodeError as error:
        raise BadRequestError(
            "not_utf8",
            "what is to be sent is not UTF-8 text",
            hint="convert it first, e.g. iconv -f latin1 -t utf-8",
        ) from error
    return {"content": content, "headers": {"Content-Type": "application/json"}}


def away(url: str, error: httpx.TransportError) -> UnavailableError:
    """Nothing answers at `url`."""
    return _unreachable(f"no agent-runner answers at {url}: {error}")


def _unreachable(message: str) -> UnavailableError:
    return UnavailableError(
        "service_unreachable",
        message,
        hint="start it with `agent-runner serve`, or name another with --url",
    )


def problem_of(response: httpx.Response) -> ServiceProblemError:
    """What an error answer says."""
    try:
        document = response.json()
    except ValueError:
        document = {}
    return ServiceProblemError(document if isinstance(document, dict) else {}, response.status_code)
