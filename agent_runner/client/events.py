"""The HTTP client of those who watch: every call may be cancelled, a stream is resumed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

import anyio
import httpx
from httpx_sse import aconnect_sse

from agent_runner.client.http import (
    ServiceProblemError,
    answer_of,
    away,
    json_body,
    opened,
    problem_of,
)

_AGAIN_S = 1.0


class Watcher:
    """One service. Every method raises ServiceProblemError, or UnavailableError if it is away."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._http = opened(httpx.AsyncClient, url, token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, where: str, **parameters: str | int) -> Any:
        """The JSON at `where`."""
        return await self._call("GET", where, params=parameters)

    async def send(self, where: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer to a POST."""
        return await self._call("POST", where, **json_body(body))

    async def follow(self, where: str, after: int) -> AsyncIterator[dict[str, Any] | None]:
        """The events of a stream, for ever: it is resumed where it broke off.

        None says that the service is away; events come again when it is back.
        """
        while True:
            try:
                async with aconnect_sse(
                    self._http, "GET", where, params={"after": after}
                ) as source:
                    if source.response.status_code != httpx.codes.OK:
                        await source.response.aread()
                        raise problem_of(source.response)
                    async for message in source.aiter_sse():
                        if not message.data:  # a heartbeat
                            continue
                        event: dict[str, Any] = json.loads(message.data)
                        after = event.get("seq", after)
                        yield event
            except httpx.TransportError:
                yield None
            except ServiceProblemError as error:
                if error.code != "shutting_down":
                    raise
                yield None
            await anyio.sleep(_AGAIN_S)

    async def _call(self, method: str, where: str, **arguments: Any) -> Any:
        try:
            response = await self._http.request(method, where, **arguments)
        except httpx.TransportError as error:
            raise away(self._url, error) from error
        return answer_of(self._url, response)
