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


def too_large(url: bytes, most: int) -> AgentRunnerError:
    """Over `most` bytes of a head; of its `url`, if that is most of them."""
    if len(url) > most // 2:
        return UrlTooLongError(
            "url_too_long",
            f"the request line is over the limit of {most} bytes",
            hint="send less, or raise `limits.head_bytes`",
        )
    return HeadTooLargeError(
        "head_too_large",
        f"the headers are over the limit of {most} bytes",
        hint="send less, or raise `limits.head_bytes`",
    )


def too_many(most: int) -> AgentRunnerError:
    """More headers than `most`."""
    return HeadTooLargeError(
        "head_too_large", f"the request has more than {most} headers", hint="send fewer"
    )


def check_authority(url: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """A URL may name a host; which one counts, that or the Host header, must not matter."""
    scheme, named, rest = url.partition(b"://")
    if not named or b"/" in scheme or b"?" in scheme:
        return
    # Not by a parser: two of them may see two hosts in one URL.
    authority = rest.partition(b"/")[0].lower()
    hosts = [value.lower() for name, value in headers if name == b"host"]
    if hosts != [authority]:
        raise InvalidHttpError(
            "ambiguous_host",
            "the URL names another host than the Host header",
            hint="send the path alone, and one Host header",
        )


def check_bodiless(headers: list[tuple[bytes, bytes]]) -> None:
    """The parser takes no body with an Upgrade: it would be read as the next request."""
    if any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in headers
    ):
        raise InvalidHttpError(
            "invalid_http",
            "a request that asks for an upgrade has a body",
            hint="leave out the Upgrade header: no other protocol is spoken here",
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
