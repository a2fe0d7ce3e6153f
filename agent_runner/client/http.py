"""The HTTP client of the console command."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
from httpx_sse import ServerSentEvent, connect_sse

from agent_runner.errors import AgentRunnerError, UnavailableError

URL_VARIABLE = "AGENT_RUNNER_URL"
_CONNECT_S = 5.0


def path(*words: str) -> str:
    """`/agents/NAME` with every word a single segment, whatever is in it."""
    return "".join(f"/{quote(word, safe='')}" for word in words)


def trusted(url: str) -> ssl.SSLContext:
    """Whom to trust at `url`: without TLS nobody, as loading the authorities takes 50 ms."""
    if httpx.URL(url).scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context()


def connection(url: str, token: str | None) -> dict[str, Any]:
    """What httpx is to know of a service; its answers may take as long as a run."""
    return {
        "base_url": url,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "timeout": httpx.Timeout(None, connect=_CONNECT_S),
        "verify": trusted(url),
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
    if token := env.get("AGENT_RUNNER_TOKEN"):
        return token
    try:
        return (state_dir / "token").read_text("ascii").strip()
    except OSError:
        return None


class Client:
    """One service. Every method raises ServiceProblemError, or UnavailableError if it is away."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._http = httpx.Client(**connection(url, token))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, where: str, **parameters: str | int) -> Any:
        """The JSON at `where`, made with `path`."""
        return self._call("GET", where, params=parameters)

    def text(self, where: str, **parameters: str | int) -> str:
        """The text at `where`."""
        return self._request("GET", where, params=parameters).text

    def send(self, method: str, where: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a request with a body; None if it has none."""
        return self._call(method, where, json=dict(body or {}))

    def stream(self, agent_id: str, body: Mapping[str, Any]) -> Iterator[ServerSentEvent]:
        """Execute a prompt and yield its events until the run is over."""
        return self._events("POST", path("agents", agent_id, "execute"), json=dict(body))

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
        response = self._request(method, where, **arguments)
        return response.json() if response.content else None

    def _request(self, method: str, where: str, **arguments: Any) -> httpx.Response:
        try:
            response = self._http.request(method, where, **arguments)
        except httpx.TransportError as error:
            raise away(self._url, error) from error
        if response.is_error:
            raise problem_of(response)
        return response


def away(url: str, error: httpx.TransportError) -> UnavailableError:
    """Nothing answers at `url`."""
    return UnavailableError(
        "service_unreachable",
        f"no agent-runner answers at {url}: {error}",
        hint="start it with `agent-runner serve`, or name another with --url",
    )


def problem_of(response: httpx.Response) -> ServiceProblemError:
    """What an error answer says."""
    try:
        document = response.json()
    except json.JSONDecodeError:
        document = {}
    return ServiceProblemError(document if isinstance(document, dict) else {}, response.status_code)
