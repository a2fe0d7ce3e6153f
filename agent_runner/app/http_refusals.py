"""Why a request is refused before it is one, and how that is said."""

from __future__ import annotations

from http import HTTPStatus

import httptools

from agent_runner.api.problems import problem_of
from agent_runner.errors import AgentRunnerError, BadRequestError


class InvalidHttpError(BadRequestError):
    """What came is not HTTP/1.1, or names two hosts."""

    status = 400


class UrlTooLongError(BadRequestError):
    """The request line is over `limits.head_bytes`."""

    status = 414


class HeadTooLargeError(BadRequestError):
    """The headers are over `limits.head_bytes`, or too many."""

    status = 431


class HeadTimeoutError(BadRequestError):
    """The head did not come to its end in `limits.head_ms`."""

    status = 408


def invalid(error: httptools.HttpParserError) -> AgentRunnerError:
    """What the parser has to say."""
    said = str(error) or type(error).__name__
    return InvalidHttpError(
        "invalid_http", f"the request is no HTTP/1.1: {said[:200]}", hint="use an HTTP/1.1 client"
    )


def answer(error: AgentRunnerError, headers: list[tuple[bytes, bytes]]) -> bytes:
    """A whole answer that ends the connection."""
    response = problem_of(error)
    lines = [
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}".encode(),
        *(b"%s: %s" % pair for pair in headers),
        *(b"%s: %s" % pair for pair in response.raw_headers if pair[0] != b"connection"),
        b"connection: close",
    ]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
