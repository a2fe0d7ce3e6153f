"""Reads server-sent events as raw bytes, for tests that compare them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx


def blocks(response: httpx.Response) -> Iterator[bytes]:
    """Each event's bytes with its closing blank line."""
    held = b""
    for chunk in response.iter_raw():
        held += chunk
        while b"\n\n" in held:
            block, _, held = held.partition(b"\n\n")
            yield block + b"\n\n"


def seq_of(block: bytes) -> int | None:
    """The id of a durable event; None for an ephemeral one or a comment."""
    if not block.startswith(b"id: "):
        return None
    return int(block[4 : block.index(b"\n")])


def data_of(block: bytes) -> dict[str, Any]:
    """The JSON of an event."""
    line = next(line for line in block.split(b"\n") if line.startswith(b"data: "))
    value = json.loads(line[6:])
    assert isinstance(value, dict)
    return value


def replayed(client: httpx.Client, conversation: str, last: int, after: int = 0) -> list[bytes]:
    """The durable events of a conversation up to seq `last`."""
    found: list[bytes] = []
    if after >= last:
        return found
    with client.stream("GET", f"/conversations/{conversation}/events?after={after}") as response:
        assert response.status_code == 200, response.read()
        for block in blocks(response):
            if (seq := seq_of(block)) is not None:
                found.append(block)
                if seq >= last:
                    break
    return found
